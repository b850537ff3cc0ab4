package storage

import "quiver/storage/objstore"

func newTestStore() objstore.Store { return struct{ objstore.Store }{} }
