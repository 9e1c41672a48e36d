package cluster

import "sync"

// pool runs tasks that wait, a bounded number at once, in their order. It has a goroutine only while it has a task. The number
// of tasks is bounded by those who give them: each has one at a time.
type pool struct {
	most  int
	gate  func()
	tasks sync.WaitGroup

	mu      sync.Mutex
	running int
	waiting []func()
}

func (p *pool) run(task func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tasks.Add(1)
	if p.running < p.most {
		p.running++
		go p.work(task)
		return
	}
	p.waiting = append(p.waiting, task)
}

func (p *pool) work(task func()) {
	for task != nil {
		p.gate()
		task()
		task = p.next()
		p.tasks.Done()
	}
}

func (p *pool) next() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.waiting = nil
		p.running--
		return nil
	}
	task := p.waiting[0]
	p.waiting[0] = nil
	p.waiting = p.waiting[1:]
	return task
}
