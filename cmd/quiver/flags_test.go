package main

import "testing"

func TestByteSize(t *testing.T) {
	for _, tt := range []struct {
		text  string
		bytes int64
		print string
	}{{"0", 0, "0"}, {"65536", 65536, "64kB"}, {"512MB", 512 << 20, "512MB"}, {" 1 GB", 1 << 30, "1GB"}, {"3TB", 3 << 40, "3TB"}, {"1000B", 1000, "1000B"}} {
		var b byteSize
		if err := b.Set(tt.text); err != nil || int64(b) != tt.bytes || b.String() != tt.print {
			t.Errorf("%q: %d (%s), %v; want %d (%s)", tt.text, int64(b), b.String(), err, tt.bytes, tt.print)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1.5GB", "1mb", "99999999TB"} {
		var b byteSize
		if err := b.Set(bad); err == nil {
			t.Errorf("%q was read as %d", bad, int64(b))
		}
	}
}
