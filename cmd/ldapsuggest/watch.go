package main

import (
	"context"
	"log/slog"

	"github.com/ldapsuggest/ldapsuggest/directory"
)

// watch has the directory tell of changed policies, until the returned
// function is called. The embedded directory tells by itself.
func (b *backend) watch(ctx context.Context, log *slog.Logger) (stop func()) {
	if b.admin != nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.client.Watch(ctx, b.policies, directory.WatchConfig{Log: log})
	}()
	return func() {
		cancel()
		<-done
	}
}
