// A webhook receiver in Go, standard library only, on the raw bytes of the body.
//
// PORT, HOST         where to listen (3000, 127.0.0.1; PORT=0 takes a free one, named on stderr)
// WEBHOOK_SECRET     the signing secret, whsec_...; two, separated by a comma, while one is rotated
// TLS_CERT, TLS_KEY  PEM files; with both it speaks HTTPS, without them HTTP
//
// Prints one line of JSON per delivery on stdout and answers 400 if the signature is wrong.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	toleranceS   = 300
	bodyBytesMax = 1 << 20
)

var signature = regexp.MustCompile(`^t=(\d{1,12}),v1=([0-9a-f]{64})$`)

// verify says whether one of the secrets signed these bytes, and within the tolerance. The key is the whole secret, with its whsec_.
func verify(body []byte, header string, secrets []string, nowS int64) bool {
	match := signature.FindStringSubmatch(header)
	if match == nil {
		return false
	}
	t, _ := strconv.ParseInt(match[1], 10, 64)
	if nowS-t > toleranceS || t-nowS > toleranceS {
		return false
	}
	received, _ := hex.DecodeString(match[2])
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(match[1] + "."))
		mac.Write(body)
		if hmac.Equal(received, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

type delivery struct {
	Verified bool    `json:"verified"`
	ID       *string `json:"id"`
	Status   *string `json:"status"`
	Attempt  int     `json:"attempt"`
	Event    string  `json:"event"`
}

func receive(secrets []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
		if err != nil {
			http.Error(w, "The body did not arrive whole.", http.StatusBadRequest)
			return
		}
		got := delivery{Verified: verify(body, r.Header.Get("Sync-Signature"), secrets, time.Now().Unix())}
		if got.Verified {
			// Only now: an unverified body may be anything.
			var generation struct{ ID, Status string }
			if json.Unmarshal(body, &generation) == nil {
				got.ID, got.Status = &generation.ID, &generation.Status
			}
			got.Attempt, _ = strconv.Atoi(r.Header.Get("Postsync-Attempt"))
			// The same in every attempt: work that was done under this id must not be done again.
			got.Event = r.Header.Get("Webhook-Id")
		}
		line, _ := json.Marshal(got)
		fmt.Println(string(line))
		if !got.Verified {
			http.Error(w, "Invalid signature", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusOK)
	}
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	secret := os.Getenv("WEBHOOK_SECRET")
	if secret == "" {
		fmt.Fprintln(os.Stderr, "WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...")
		os.Exit(2)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/webhook", receive(strings.Split(secret, ",")))
	server := &http.Server{Handler: mux, ReadTimeout: 30 * time.Second}
	listener, err := net.Listen("tcp", net.JoinHostPort(env("HOST", "127.0.0.1"), env("PORT", "3000")))
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v; PORT takes another one\n", err)
		os.Exit(1)
	}
	cert, key := os.Getenv("TLS_CERT"), os.Getenv("TLS_KEY")
	if cert != "" && key != "" {
		fmt.Fprintf(os.Stderr, "listening on https://%s/webhook\n", listener.Addr())
		err = server.ServeTLS(listener, cert, key)
	} else {
		fmt.Fprintf(os.Stderr, "listening on http://%s/webhook\n", listener.Addr())
		err = server.Serve(listener)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
