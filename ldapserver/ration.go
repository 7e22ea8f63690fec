package ldapserver

import (
	"container/list"
	"sync"
)

// A ration bounds what all sessions together hold of something that clients
// may take their time with. When it is used up, the share that was taken
// first is ended: whoever is slow goes before whoever is quick, so that a mass
// of clients that never finish what they begin keeps out none that does.
type ration struct {
	mu    sync.Mutex
	max   int
	held  int
	queue list.List // of *share, the one taken first in front
}

// A share is what one session holds of a ration. It has one owner; end may be
// called from any goroutine.
type share struct {
	end     func()
	asked   int           // by the owner, and of the owner alone
	size    int           // under ration.mu
	element *list.Element // under ration.mu; nil if it holds nothing
}

// take makes the share hold size. It keeps its place in the queue if it held
// something.
func (r *ration) take(s *share, size int) {
	s.asked = size
	var ended []*share
	r.mu.Lock()
	if s.element == nil {
		s.element = r.queue.PushBack(s)
	}
	r.held += size - s.size
	s.size = size
	for r.held > r.max && r.queue.Len() > 0 {
		first := r.queue.Front().Value.(*share)
		r.drop(first)
		ended = append(ended, first)
	}
	r.mu.Unlock()
	for _, e := range ended {
		e.end()
	}
}

// limit sets how much there is. What is held beyond it is ended by the next
// take.
func (r *ration) limit(most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.max = most
}

// give returns all that the share holds.
func (r *ration) give(s *share) {
	s.asked = 0
	r.mu.Lock()
	r.drop(s)
	r.mu.Unlock()
}

// drop is give with mu held.
func (r *ration) drop(s *share) {
	if s.element != nil {
		r.queue.Remove(s.element)
		r.held -= s.size
		s.element, s.size = nil, 0
	}
}

// freeBuffer is how much each connection may buffer without a share.
const freeBuffer = 4 << 10

// buffer makes room for the next read of the client, and takes a share for
// it if a message has arrived in part.
func (s *session) buffer(hold bool) {
	size := s.in.Reserve()
	if hold || len(s.in.Unread()) == 0 || size <= freeBuffer || size == s.partial.asked {
		return
	}
	s.srv.partial.take(&s.partial, size)
}

// complete gives back the share of a message that has arrived whole.
func (s *session) complete() {
	if s.partial.asked > 0 {
		s.srv.partial.give(&s.partial)
	}
}
