package objstore

import (
	"context"
	"errors"
	"fmt"
	"path"

	"quiver/storage/vfs"
)

// stagedObject is a file in .tmp that gets its name by Publish.
type stagedObject struct {
	vfs.File // nil once it is ended
	d        *Dir
	temp     string
}

// Stage implements Stager.
func (d *Dir) Stage() (Staged, error) {
	if err := d.prepare("object"); err != nil {
		return nil, err
	}
	temp := d.newTemp()
	f, err := d.fs.Create(temp)
	if err != nil {
		return nil, err
	}
	return &stagedObject{f, d, temp}, nil
}

func (d *Dir) newTemp() string { return fmt.Sprintf("%s/%s%d", tempDir, d.token, d.temp.Add(1)) }

// Publish syncs the file and renames it.
func (o *stagedObject) Publish(ctx context.Context, key string) error {
	defer o.Discard()
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return err
	}
	if err := o.d.prepare(key); err != nil {
		return err
	}
	err := errors.Join(o.SyncData(), o.Close())
	o.File = nil
	if err == nil {
		err = o.d.fs.Rename(o.temp, key)
	}
	if err != nil {
		_ = o.d.fs.Remove(o.temp) // or at the next start
		return err
	}
	return o.d.fs.SyncDir(path.Dir(key))
}

// Discard removes the file, or leaves it to the next start.
func (o *stagedObject) Discard() {
	if o.File == nil {
		return
	}
	_ = o.Close()
	o.File = nil
	_ = o.d.fs.Remove(o.temp)
}
