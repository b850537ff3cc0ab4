package lint

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

type goPackage struct {
	ImportPath string
	Doc        string
	Imports    []string
	GoFiles    []string
}

// listPackages returns every package of the module.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,GoFiles", "quiver/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	var pkgs []goPackage
	for {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// under says whether path is root or lies below it.
func under(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

func underAny(path string, roots []string) bool {
	for _, r := range roots {
		if under(path, r) {
			return true
		}
	}
	return false
}

// layers says which of Quiver's packages each may import. The most specific
// root wins. docs/architecture.md draws it.
var layers = []struct {
	root string
	may  []string
}{
	{"quiver/sql/types", []string{"quiver/sql/sqlerr"}},
	{"quiver/sql/sqlerr", nil},
	{"quiver/sql/settings", []string{"quiver/sql/sqlerr", "quiver/sql/types"}},
	{"quiver/sql", []string{"quiver/sql"}},
	{"quiver/vector", []string{"quiver/vector"}},
	{"quiver/storage/binlog", []string{"quiver/storage/binlog"}},
	{"quiver/storage", []string{"quiver/storage", "quiver/catalog", "quiver/vector", "quiver/sql/types", "quiver/sql/sqlerr", "quiver/sql/settings", "quiver/internal"}},
	{"quiver/catalog", []string{"quiver/catalog", "quiver/sql", "quiver/internal"}},
	{"quiver/planner", []string{"quiver/planner", "quiver/sql", "quiver/catalog", "quiver/internal"}},
	{"quiver/executor", []string{"quiver/executor", "quiver/planner/plan", "quiver/planner/explain", "quiver/sql", "quiver/storage", "quiver/vector", "quiver/catalog", "quiver/internal"}},
	{"quiver/server/pgwire", []string{"quiver/server/pgwire", "quiver/sql/types", "quiver/sql/sqlerr"}},
	{"quiver/server", []string{"quiver/server", "quiver/executor", "quiver/planner", "quiver/sql", "quiver/storage", "quiver/catalog", "quiver/internal"}},
	{"quiver/internal", []string{"quiver/internal"}},
	{"quiver/cmd/quiver", []string{"quiver"}},
	{"quiver/test", []string{"quiver"}},
	{"quiver/bench", []string{"quiver/bench", "quiver/test/servers", "quiver/vector"}},
	{"quiver/examples", []string{"quiver/examples"}},
}

// fences names the only packages that may import a heavy library.
var fences = []struct {
	module string
	only   []string
}{
	{"github.com/jackc/pgproto3/v2", []string{"quiver/server/pgwire"}},
	{"github.com/pganalyze/pg_query_go/v5", []string{"quiver/sql/parse"}},
	{"go.etcd.io/etcd", []string{"quiver/catalog"}},
	{"github.com/minio/minio-go/v7", []string{"quiver/storage/objstore"}},
	{"github.com/klauspost/compress", []string{"quiver/storage/binlog", "quiver/storage/deltalog", "quiver/storage/wal", "quiver/storage/segment", "quiver/server/copyfile"}},
	{"github.com/pierrec/lz4/v4", []string{"quiver/storage/binlog", "quiver/storage/deltalog", "quiver/server/copyfile"}},
	{"github.com/apache/arrow/go/v15/parquet", []string{"quiver/server/copyfile"}},
	{"github.com/spf13/cobra", []string{"quiver/cmd/quiver"}},
	{"github.com/jackc/pgx/v5", []string{"quiver/test", "quiver/bench", "quiver/examples", "quiver/sql/types", "quiver/cmd/quiver"}},
}

func TestForbiddenImports(t *testing.T) {
	for _, p := range listPackages(t) {
		var may []string
		best := ""
		for _, l := range layers {
			if under(p.ImportPath, l.root) && len(l.root) > len(best) {
				best, may = l.root, l.may
			}
		}
		if best == "" {
			t.Errorf("%s: no layer says what it may import; add it to layers and to docs/architecture.md", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if under(imp, "quiver") && !underAny(imp, may) {
				t.Errorf("%s may not import %s", p.ImportPath, imp)
			}
			for _, f := range fences {
				if under(imp, f.module) && !underAny(p.ImportPath, f.only) {
					t.Errorf("%s may not import %s: that is for %v", p.ImportPath, imp, f.only)
				}
			}
		}
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		last := p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:]
		switch last {
		case "util", "utils", "common", "helper", "helpers", "misc":
			t.Errorf("%s: name the package after what it holds", p.ImportPath)
		}
	}
}
