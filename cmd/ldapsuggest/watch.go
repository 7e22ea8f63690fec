package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/ldapsuggest/ldapsuggest/directory"
)

// watch has the directory's servers checked, and has them tell of changed
// policies, until the returned function is called. The embedded directory
// needs neither.
func (b *backend) watch(ctx context.Context, log *slog.Logger) (stop func()) {
	if b.admin != nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { b.client.Watch(ctx, b.policies, directory.WatchConfig{Log: log}) })
	wg.Go(func() { b.client.Monitor(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}
