package main

import (
	"bufio"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed words.csv.gz
var wordsFile string

func main() {
	quiver := flag.String("quiver", "bin/quiver", "the server's binary")
	data := flag.String("data", "data", "the data directory")
	listen := flag.String("listen", "127.0.0.1:5433", "the server's address")
	stop := flag.Bool("stop", false, "stop the server and end")
	flag.Parse()
	var err error
	if *stop {
		err = stopServer(*data)
	} else {
		err = demo(*quiver, *data, *listen)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "words:", err)
		os.Exit(1)
	}
}

func pidFile(data string) string { return filepath.Join(data, "demo.pid") }
func logFile(data string) string { return filepath.Join(data, "demo.log") }

func demo(quiver, data, listen string) error {
	ctx := context.Background()
	if err := startServer(quiver, data, listen); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, "postgres://postgres@"+listen+"/postgres?sslmode=disable")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := load(ctx, conn); err != nil {
		return err
	}
	for _, q := range queries {
		if err := show(ctx, conn, q); err != nil {
			return err
		}
	}
	host, port, _ := net.SplitHostPort(listen)
	fmt.Printf("The server is running. Connect with\n\n    psql -h %s -p %s -U postgres\n\nand stop it with make stop.\n", host, port)
	return nil
}

// startServer starts the server in a session of its own and waits for its
// ready line; if one listens already, it is used.
func startServer(quiver, data, listen string) error {
	if c, err := net.DialTimeout("tcp", listen, time.Second); err == nil {
		c.Close()
		fmt.Printf("A server is listening on %s: using it.\n\n", listen)
		return nil
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	log, err := os.Create(logFile(data))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(quiver, "start", "--data", data, "--listen", listen)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := os.WriteFile(pidFile(data), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	for {
		text, err := os.ReadFile(logFile(data))
		if err != nil {
			return err
		}
		if strings.Contains(string(text), "ready") {
			fmt.Printf("quiver %s is ready after %.2f s (data in %s).\n\n", listen, time.Since(start).Seconds(), data)
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("the server did not start:\n%s", text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func stopServer(data string) error {
	text, err := os.ReadFile(pidFile(data))
	if errors.Is(err, os.ErrNotExist) {
		fmt.Println("No server was left running by make demo.")
		return nil
	}
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	for syscall.Kill(pid, 0) == nil {
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Println("Stopped.")
	return os.Remove(pidFile(data))
}

const createTable = `CREATE TABLE words (
    id        int PRIMARY KEY,
    word      text NOT NULL,
    length    int,
    embedding vector(100)
)`

// load creates and fills the table in one transaction, unless it is there.
func load(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'words' AND relkind = 'r')").Scan(&there); err != nil {
		return err
	}
	if there {
		fmt.Println("The table words is there already.")
		fmt.Println()
		return nil
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	for _, sql := range []string{"CREATE EXTENSION IF NOT EXISTS vector", createTable} {
		fmt.Println(sql + ";")
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	const copySQL = "COPY words FROM STDIN WITH (FORMAT csv, HEADER)"
	fmt.Println(copySQL + ";")
	size, err := unpackedSize()
	if err != nil {
		return err
	}
	gz, err := gzip.NewReader(strings.NewReader(wordsFile))
	if err != nil {
		return err
	}
	bar := &progress{reader: gz, total: size, start: time.Now()}
	tag, err := conn.PgConn().CopyFrom(ctx, bar, copySQL)
	if err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	seconds := time.Since(bar.start).Seconds()
	bar.draw()
	fmt.Printf("\n%d rows, %.1f MB in %.2f s\n\n", tag.RowsAffected(), float64(size)/1e6, seconds)
	return nil
}

func unpackedSize() (int64, error) {
	gz, err := gzip.NewReader(strings.NewReader(wordsFile))
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, gz)
}

// progress draws a bar while it is read; on a terminal, over itself.
type progress struct {
	reader      io.Reader
	done, total int64
	start, last time.Time
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.reader.Read(b)
	p.done += int64(n)
	if time.Since(p.last) > 50*time.Millisecond {
		p.last = time.Now()
		p.draw()
	}
	return n, err
}

func (p *progress) draw() {
	const width = 40
	full := int(p.done * width / max(p.total, 1))
	fmt.Printf("\r[%s%s] %3d %%  %.1f MB", strings.Repeat("█", full), strings.Repeat("·", width-full), p.done*100/max(p.total, 1), float64(p.done)/1e6)
}

type query struct{ title, sql string }

var queries = []query{
	{"The ten nearest neighbours of \"king\"", `SELECT word, round((embedding <=> (SELECT embedding FROM words WHERE word = 'king'))::numeric, 4) AS distance
FROM words
WHERE word <> 'king'
ORDER BY embedding <=> (SELECT embedding FROM words WHERE word = 'king')
LIMIT 10`},
	{"The nearest to paris - france + italy", `SELECT word
FROM words
WHERE word NOT IN ('paris', 'france', 'italy')
ORDER BY embedding <=> (
    SELECT p.embedding - f.embedding + i.embedding
    FROM words p, words f, words i
    WHERE p.word = 'paris' AND f.word = 'france' AND i.word = 'italy')
LIMIT 3`},
	{"Filtered: the nearest to \"music\" among long words", `SELECT word, length
FROM words
WHERE length >= 10
ORDER BY embedding <-> (SELECT embedding FROM words WHERE word = 'music')
LIMIT 5`},
	{"An aggregate: how many words of each length, and how far from \"the\" on average", `SELECT length, count(*) AS words, round(avg(embedding <-> (SELECT embedding FROM words WHERE word = 'the'))::numeric, 3) AS distance
FROM words
GROUP BY length
HAVING count(*) > 500
ORDER BY length`},
}

// show prints a query, its result as a table, and the time it took.
func show(ctx context.Context, conn *pgx.Conn, q query) error {
	fmt.Printf("-- %s\n%s;\n\n", q.title, q.sql)
	start := time.Now()
	results, err := conn.PgConn().Exec(ctx, q.sql).ReadAll()
	if err != nil {
		return err
	}
	took := time.Since(start)
	for _, r := range results {
		var table [][]string
		head := make([]string, len(r.FieldDescriptions))
		for i, f := range r.FieldDescriptions {
			head[i] = f.Name
		}
		table = append(table, head)
		for _, row := range r.Rows {
			cells := make([]string, len(row))
			for i, v := range row {
				cells[i] = string(v)
			}
			table = append(table, cells)
		}
		printTable(table)
		fmt.Printf("(%d rows, %.1f ms)\n\n", len(r.Rows), float64(took.Microseconds())/1000)
	}
	return nil
}

// printTable prints rows in aligned columns; the first row is the head.
func printTable(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	for n, r := range rows {
		for i, c := range r {
			if i > 0 {
				fmt.Fprint(w, " │ ")
			}
			fmt.Fprint(w, c, strings.Repeat(" ", widths[i]-len([]rune(c))))
		}
		fmt.Fprintln(w)
		if n == 0 {
			for i, width := range widths {
				if i > 0 {
					fmt.Fprint(w, "─┼─")
				}
				fmt.Fprint(w, strings.Repeat("─", width))
			}
			fmt.Fprintln(w)
		}
	}
}
