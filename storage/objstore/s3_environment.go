package objstore

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// What the usual variables of S3 clients say where a URL says nothing.

// fromEnvironment sets endpoint and region.
func (c *s3Config) fromEnvironment() error {
	c.region = cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	endpoint := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("AWS_ENDPOINT_URL %q: want http://host:port or https://host:port", endpoint)
	}
	c.secure = u.Scheme == "https"
	c.setEndpoint(u.Host)
	return nil
}

// hostedDomains are of services that take a bucket's name only in front of the
// host.
var hostedDomains = []string{".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com"}

// setEndpoint sets the server and the way of addressing that it expects.
func (c *s3Config) setEndpoint(endpoint string) {
	c.endpoint, c.pathStyle = endpoint, true
	host := endpoint
	if h, _, err := net.SplitHostPort(endpoint); err == nil {
		host = h
	}
	for _, domain := range hostedDomains {
		if strings.HasSuffix(strings.ToLower(host), domain) {
			c.pathStyle = false
		}
	}
}

// trustBundle makes transport trust the authorities of AWS_CA_BUNDLE, too.
func trustBundle(transport *http.Transport) error {
	name := os.Getenv("AWS_CA_BUNDLE")
	if name == "" {
		return nil
	}
	pem, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("AWS_CA_BUNDLE: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return errors.New("AWS_CA_BUNDLE holds no certificate")
	}
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	transport.TLSClientConfig.RootCAs = roots
	return nil
}
