// SPDX-License-Identifier: GPL-2.0-only
/* Owns the progress line. Writes to the descriptor it was given and nowhere else. */
#include "core/progress.h"

#include "core/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#define TERMINAL_PERIOD_NS (PVTB_NSEC_PER_SEC / 10)
#define LINES_PERIOD_NS	   PVTB_NSEC_PER_SEC

struct pvtb_progress {
	pthread_mutex_t lock; /* lab hosts report from their own threads */
	int fd;
	bool terminal;
	bool shown; /* a line is on the terminal */
	u64 last_ns;
};

struct pvtb_progress *pvtb_progress_new(enum pvtb_progress_mode mode, int fd)
{
	bool terminal = isatty(fd);
	const char *term = getenv("TERM");
	struct pvtb_progress *p;

	if (mode == PVTB_PROGRESS_AUTO && (!terminal || (term && !strcmp(term, "dumb"))))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	p->fd = fd;
	p->terminal = mode == PVTB_PROGRESS_AUTO;
	return p;
}

/* Progress is worth no error: who reads it has perhaps gone away. */
static void put(struct pvtb_progress *p, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(p->fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf += n;
		len -= (size_t)n;
	}
}

static void clear_locked(struct pvtb_progress *p)
{
	if (p->shown)
		put(p, "\r\033[K", 4);
	p->shown = false;
}

/* One write per line, so that lines of several processes do not mix. */
static void put_line(struct pvtb_progress *p, const char *before, const char *fmt, va_list ap,
		     const char *after, size_t width)
{
	char raw[512], text[2048], line[2200];
	int n;

	vsnprintf(raw, sizeof(raw), fmt, ap);
	for (char *c = raw; *c; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	pvtb_text_clean(raw, text, sizeof(text));
	if (width)
		text[pvtb_text_cut(text, width)] = '\0';
	n = snprintf(line, sizeof(line), "%s%s%s", before, text, after);
	if (n > 0)
		put(p, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void pvtb_progress_update(struct pvtb_progress *p, const char *fmt, ...)
{
	struct winsize ws = {0};
	size_t width = 79;
	u64 now_ns;
	va_list ap;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	now_ns = pvtb_mono_ns();
	if (p->last_ns &&
	    now_ns - p->last_ns < (p->terminal ? TERMINAL_PERIOD_NS : LINES_PERIOD_NS))
		goto out;
	p->last_ns = now_ns;
	va_start(ap, fmt);
	if (p->terminal) {
		if (!ioctl(p->fd, TIOCGWINSZ, &ws) && ws.ws_col > 1)
			width = ws.ws_col - 1U;
		put_line(p, "\r", fmt, ap, "\033[K", width);
		p->shown = true;
	} else {
		put_line(p, "", fmt, ap, "\n", 0);
	}
	va_end(ap);
out:
	pthread_mutex_unlock(&p->lock);
}

void pvtb_progress_note(struct pvtb_progress *p, const char *fmt, ...)
{
	va_list ap;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	clear_locked(p);
	va_start(ap, fmt);
	put_line(p, "", fmt, ap, "\n", 0);
	va_end(ap);
	pthread_mutex_unlock(&p->lock);
}

void pvtb_progress_clear(struct pvtb_progress *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	clear_locked(p);
	pthread_mutex_unlock(&p->lock);
}

void pvtb_progress_free(struct pvtb_progress *p)
{
	if (!p)
		return;
	clear_locked(p);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
