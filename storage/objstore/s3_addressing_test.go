package objstore

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quiver/test/servers"
)

// certificate writes a certificate that vouches for itself, for 127.0.0.1 and
// names, with its key.
func certificate(t *testing.T, names ...string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: names,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	write := func(name, kind string, bytes []byte) string {
		name = filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600))
		return name
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}

// TestS3TLS: a server whose certificate comes from one's own authority is refused
// until AWS_CA_BUNDLE names that. All but the bucket comes from the environment.
func TestS3TLS(t *testing.T) {
	cert, key := certificate(t)
	server := servers.StartVersityGW(t, "VGW_CERT="+cert, "VGW_KEY="+key)
	useKeys(t, server)
	t.Setenv("AWS_ENDPOINT_URL_S3", "https://"+server.Addr)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_CA_BUNDLE", "")
	refused, err := newS3("s3://encrypted")
	must(t, err)
	refused.retry.total = 0
	if err := refused.ensureBucket(ctx); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server that nobody vouches for: %v", err)
	}
	must(t, refused.Close())
	t.Setenv("AWS_CA_BUNDLE", cert)
	s, err := NewS3(ctx, "s3://encrypted")
	must(t, err)
	defer s.Close()
	acceptObjects(t, s)
}

// TestS3VirtualHost: a server that takes the bucket from the name of the host, as
// AWS and OSS do, is found by path_style=false.
func TestS3VirtualHost(t *testing.T) {
	for name, server := range map[string]*servers.S3{
		"MinIO":     servers.StartMinIO(t, "MINIO_DOMAIN=oss.test"),
		"versitygw": servers.StartVersityGW(t, "VGW_VIRTUAL_DOMAIN=oss.test"),
	} {
		t.Run(name, func(t *testing.T) { useKeys(t, server); testVirtualHost(t, server) })
	}
}

func testVirtualHost(t *testing.T, server *servers.S3) {
	_, port, err := net.SplitHostPort(server.Addr)
	must(t, err)
	s, err := newS3("s3://bucket?secure=false&path_style=false&endpoint=oss.test:" + port)
	must(t, err)
	defer s.Close()
	var mu sync.Mutex
	dialed := map[string]bool{}
	s.transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		dialed[addr] = true
		var d net.Dialer
		return d.DialContext(ctx, network, server.Addr)
	}
	must(t, s.ensureBucket(ctx))
	must(t, s.probe(ctx))
	acceptObjects(t, s)
	mu.Lock()
	defer mu.Unlock()
	if host := "bucket.oss.test:" + port; !dialed[host] {
		t.Errorf("no request went to %s, but to %v", host, dialed)
	}
}
