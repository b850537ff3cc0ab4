package servers

// S3 is a server of the S3 protocol over a temporary directory.
type S3 struct {
	// Addr is HOST:PORT of the endpoint.
	Addr                 string
	AccessKey, SecretKey string
	process
}

// StartMinIO starts MinIO. It ends with the test. env are variables of its own,
// such as MINIO_DOMAIN, of which it takes buckets as hosts.
func StartMinIO(t TB, env ...string) *S3 {
	t.Helper()
	addr := FreeAddr(t)
	s := newS3(t, "minio", addr, "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", append(env, "MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off"))
	s.health = "/minio/health/ready"
	s.args = []string{"server", t.TempDir(), "--address", addr, "--console-address", FreeAddr(t), "--quiet"}
	s.Start()
	return s
}

// StartVersityGW starts versitygw, the protocol by another hand than MinIO's. It
// ends with the test. env are variables of its own, such as VGW_CERT and VGW_KEY,
// which make it speak TLS.
func StartVersityGW(t TB, env ...string) *S3 {
	t.Helper()
	addr := FreeAddr(t)
	s := newS3(t, "versitygw", addr, "ROOT_ACCESS_KEY", "ROOT_SECRET_KEY", env)
	s.args = []string{"--port", addr, "--quiet", "posix", t.TempDir()}
	s.Start()
	return s
}

// newS3 is a server that has not started yet; user and password are the variables
// that give it its keys.
func newS3(t TB, tool, addr, user, password string, env []string) *S3 {
	t.Helper()
	bin, err := BuildTool(tool)
	if err != nil {
		t.Fatal(err)
	}
	s := &S3{Addr: addr, AccessKey: "quiveradmin", SecretKey: "quiversecret"}
	s.process = process{t: t, bin: bin, addr: addr, env: append(env, user+"="+s.AccessKey, password+"="+s.SecretKey)}
	t.Cleanup(s.Kill)
	return s
}

// URL is the value of --object-store for a bucket of this server.
func (s *S3) URL(bucket string) string {
	return "s3://" + bucket + "?endpoint=" + s.Addr + "&secure=false"
}

// Env is the environment with which S3 clients find the keys.
func (s *S3) Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + s.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.SecretKey}
}
