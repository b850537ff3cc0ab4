package servers

// MinIO is a MinIO server: the S3 protocol over a temporary directory.
type MinIO struct {
	// Addr is HOST:PORT of the S3 endpoint.
	Addr                 string
	AccessKey, SecretKey string
	process
}

// StartMinIO starts MinIO. It ends with the test.
func StartMinIO(t TB) *MinIO {
	t.Helper()
	bin, err := BuildTool("minio")
	if err != nil {
		t.Fatal(err)
	}
	m := &MinIO{Addr: FreeAddr(t), AccessKey: "quiveradmin", SecretKey: "quiversecret"}
	m.process = process{t: t, bin: bin, addr: m.Addr, health: "/minio/health/ready",
		args: []string{"server", t.TempDir(), "--address", m.Addr, "--console-address", FreeAddr(t), "--quiet"},
		env: []string{"MINIO_ROOT_USER=" + m.AccessKey, "MINIO_ROOT_PASSWORD=" + m.SecretKey,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off"},
	}
	t.Cleanup(m.Kill)
	m.Start()
	return m
}

// URL is the value of --object-store for a bucket of this server.
func (m *MinIO) URL(bucket string) string {
	return "s3://" + bucket + "?endpoint=" + m.Addr + "&secure=false"
}

// Env is the environment with which S3 clients find the keys.
func (m *MinIO) Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + m.AccessKey, "AWS_SECRET_ACCESS_KEY=" + m.SecretKey}
}
