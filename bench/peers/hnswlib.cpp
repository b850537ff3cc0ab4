// The peer in process: hnswlib on the same vectors, without wire, SQL or
// durability. It is driven by lines on standard input and answers each with a
// line on standard output:
//
//   build THREADS          builds the index: seconds
//   save FILE | load FILE  0 when done
//   memory                 resident bytes of the process
//   rate EF THREADS SECONDS  searches a second
//   ids EF N               ids found for the first N queries, ten each
//
// Usage: hnswlib ip|l2 DIM ROWS QUERIES M EF_CONSTRUCTION; ROWS and QUERIES are
// files of float32. For ip the vectors are scaled to length 1: cosine distance.
#include <hnswlib/hnswlib.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {
constexpr size_t kNeighbors = 10;

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<float> readVectors(const char *file, size_t dim, bool scale) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    std::vector<float> v(size_t(in.tellg()) / sizeof(float));
    in.seekg(0);
    in.read(reinterpret_cast<char *>(v.data()), std::streamsize(v.size() * sizeof(float)));
    for (size_t at = 0; scale && at < v.size(); at += dim) {
        double sum = 0;
        for (size_t i = 0; i < dim; i++) sum += double(v[at + i]) * v[at + i];
        for (size_t i = 0; i < dim && sum > 0; i++) v[at + i] = float(v[at + i] / std::sqrt(sum));
    }
    return v;
}

// inParallel calls f(thread, i) for all i below n.
template <class F> void inParallel(int threads, size_t n, F f) {
    std::atomic<size_t> next{0};
    std::vector<std::thread> all;
    for (int t = 0; t < threads; t++)
        all.emplace_back([&] {
            for (size_t i; (i = next++) < n;) f(i);
        });
    for (auto &t : all) t.join();
}

size_t residentBytes() {
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> pages;
    return pages * size_t(sysconf(_SC_PAGESIZE));
}
}  // namespace

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    const bool ip = std::string(argv[1]) == "ip";
    const size_t dim = std::stoul(argv[2]), m = std::stoul(argv[5]), efConstruction = std::stoul(argv[6]);
    const auto rows = readVectors(argv[3], dim, ip), queries = readVectors(argv[4], dim, ip);
    const size_t n = rows.size() / dim, nq = queries.size() / dim;
    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    if (ip) space.reset(new hnswlib::InnerProductSpace(dim));
    else space.reset(new hnswlib::L2Space(dim));
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> index;

    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream in(line);
        std::string command, file;
        in >> command;
        if (command == "build") {
            int threads = 1;
            in >> threads;
            const double start = now();
            index.reset(new hnswlib::HierarchicalNSW<float>(space.get(), n, m, efConstruction));
            index->addPoint(&rows[0], 0);
            inParallel(threads, n - 1, [&](size_t i) { index->addPoint(&rows[(i + 1) * dim], i + 1); });
            std::cout << now() - start << std::endl;
        } else if (command == "save") {
            std::getline(in >> std::ws, file);
            index->saveIndex(file);
            std::cout << 0 << std::endl;
        } else if (command == "load") {
            std::getline(in >> std::ws, file);
            index.reset(new hnswlib::HierarchicalNSW<float>(space.get(), file));
            std::cout << 0 << std::endl;
        } else if (command == "memory") {
            std::cout << residentBytes() << std::endl;
        } else if (command == "rate") {
            size_t ef = 0;
            int threads = 1;
            double seconds = 1;
            in >> ef >> threads >> seconds;
            index->setEf(ef);
            std::atomic<size_t> done{0};
            const double start = now();
            std::vector<std::thread> all;
            for (int t = 0; t < threads; t++)
                all.emplace_back([&, t] {
                    size_t count = 0;
                    for (size_t i = size_t(t) * 337; now() - start < seconds; i++, count++)
                        index->searchKnn(&queries[i % nq * dim], kNeighbors);
                    done += count;
                });
            for (auto &t : all) t.join();
            std::cout << double(done) / (now() - start) << std::endl;
        } else if (command == "ids") {
            size_t ef = 0, count = 0;
            in >> ef >> count;
            index->setEf(ef);
            std::ostringstream out;
            for (size_t q = 0; q < count; q++)
                for (auto found = index->searchKnn(&queries[q * dim], kNeighbors); !found.empty(); found.pop())
                    out << found.top().second << ' ';
            std::cout << out.str() << std::endl;
        } else {
            return 2;
        }
    }
    return 0;
}
