package main

import (
	"context"
	"sync"

	"github.com/ldapsuggest/ldapsuggest/directory"
)

// watch has the directory's servers checked, and has them tell of changed
// policies, until the generation is closed or ctx ends. The embedded directory
// needs neither, nor does a server that has the operation.
func (g *generation) watch(ctx context.Context) {
	b := g.back
	if b.directory != nil || b.policies == nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { b.client.Watch(ctx, b.policies, directory.WatchConfig{Log: g.log}) })
	wg.Go(func() { b.client.Monitor(ctx) })
	g.closeFirst(func() {
		cancel()
		wg.Wait()
	})
}
