package backup

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"quiver/test/servers"
)

// objectsIn counts the files below the objects of a place.
func objectsIn(dir string) (n int) {
	_ = filepath.WalkDir(filepath.Join(dir, "objects"), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			n++
		}
		return nil // what moves meanwhile is counted or not
	})
	return n
}

// TestBackupKilled: a server is killed while it makes backups. What was cut short is
// no backup, what was made is whole, and the next one goes on; a restore has every
// row that was acknowledged before it began.
func TestBackupKilled(t *testing.T) {
	q := servers.StartQuiver(t, "")
	c := connect(t, q, "postgres")
	for _, sql := range schema {
		c.exec(sql)
	}
	dir := t.TempDir()
	place := "file://" + dir
	made := 0
	for kill := range 3 {
		c.exec(fmt.Sprintf("INSERT INTO items (owner, embedding) SELECT %d, ARRAY[g, 1, 2, 3, 1, 2, 3, 4]::vector FROM generate_series(1, 2000) g", kill))
		before := objectsIn(dir)
		ended := make(chan error, 1)
		go func() {
			_, err := c.conn.Exec(c.ctx, fmt.Sprintf("BACKUP TO '%s' WITH (name = 'b%d')", place, kill))
			ended <- err
		}()
		answered := false
		var err error
		for !answered && objectsIn(dir) < before+1+kill {
			select {
			case err = <-ended:
				answered = true
			default:
			}
		}
		q.Kill()
		if !answered {
			err = <-ended
		}
		if err == nil {
			made++
		}
		q.Start()
		c = connect(t, q, "postgres")
		out, code := quiver(t, nil, "backup", "list", place)
		if code != 0 || err == nil && !strings.Contains(out, fmt.Sprintf("b%d", kill)) {
			t.Errorf("kill %d: the backup ended with %v, the list (%d) is\n%s", kill, err, code, out)
		}
		if made > 0 {
			if out, code := quiver(t, nil, "backup", "verify", place); code != 0 {
				t.Errorf("kill %d: verify (%d):\n%s", kill, code, out)
			}
		}
	}
	t.Logf("3 kills; %d backups were made before", made)
	c.exec("BACKUP TO '" + place + "' WITH (name = 'last')")
	if out, code := quiver(t, nil, "backup", "verify", place, "last"); code != 0 {
		t.Errorf("verify (%d):\n%s", code, out)
	}
	c.exec("RESTORE DATABASE postgres AS copy FROM '" + place + "' WITH (backup = 'last')")
	d := connect(t, q, "copy")
	for _, sql := range sums {
		if got, want := d.text(sql), c.text(sql); got != want {
			t.Errorf("%s: %s restored, was %s", sql, got, want)
		}
	}
	// Numbers go on after those that were given out.
	if n := d.text("INSERT INTO items (owner) VALUES (1) RETURNING (id > (SELECT max(id) FROM items))::text"); n != "true" {
		t.Errorf("a restored serial column gives a number again: %s", n)
	}
}
