// Package queuelog reads app_queue's own log, queue_log, and holds the visits
// that it tells of against those that were counted. It is a second witness of
// the same calls: whole seconds, no ids of agents but their names, and a few
// peculiarities, which Compare names where they explain a difference.
package queuelog
