package server

import (
	"errors"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// listenHTTP opens the side port: /healthz says that the process lives,
// /readyz that clients are accepted, /debug/pprof/ has Go's profiles.
func (s *Server) listenHTTP(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, true) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		ready := !s.closed
		s.mu.Unlock()
		answer(w, ready)
	})
	s.httpAddr = listener.Addr()
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	s.clients.Add(1)
	go func() {
		defer s.clients.Done()
		if err := s.http.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.opts.Logger.Error("http", "error", err)
		}
	}()
	return nil
}

func answer(w http.ResponseWriter, ok bool) {
	text := "ok\n"
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = "stopping\n"
	}
	// A client that went away needs no answer.
	_, _ = w.Write([]byte(text))
}
