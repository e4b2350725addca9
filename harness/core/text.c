// SPDX-License-Identifier: GPL-2.0-only
/* Owns what of foreign text is shown as it is. Knows UTF-8, and no output format. */
#include "core/text.h"

#include <ctype.h>
#include <string.h>

/* Length of the UTF-8 character at @s of @left bytes, 0 where there is none (RFC 3629). */
static size_t decode(const unsigned char *s, size_t left, u32 *ret)
{
	static const u32 least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	u32 c = n == 1 ? s[0] : n ? s[0] & (0xffU >> (n + 1)) : 0;

	if (!n || n > left || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return n;
}

/* Acts on a terminal, or on the text around it, instead of showing. */
static bool acts(u32 c)
{
	static const struct {
		u32 first, last;
	} ranges[] = {
		{0x00, 0x1f},	  {0x7f, 0x9f},	    {0x61c, 0x61c},
		{0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
		{0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* One character of @s, as it is shown, into @buf. Returns the bytes of @s it was. */
static size_t show(const char *s, size_t left, char buf[16], size_t *ret_len)
{
	u32 c = 0;
	size_t n = decode((const unsigned char *)s, left, &c);

	if (!n)
		*ret_len = (size_t)snprintf(buf, 16, "\\x%02x", (unsigned char)*s);
	else if (!acts(c))
		memcpy(buf, s, *ret_len = n);
	else if (c < 0x80)
		*ret_len = (size_t)snprintf(buf, 16, "\\x%02x", c);
	else
		*ret_len = (size_t)snprintf(buf, 16, "\\u%04x", c);
	return n ? n : 1;
}

bool pvtb_text_clean(const char *s, char *buf, size_t size)
{
	size_t left = strlen(s), out = 0, fits = 0;

	while (left) {
		char one[16];
		size_t len, n = show(s, left, one, &len);

		if (out + len >= size) {
			snprintf(buf + fits, size - fits, "...");
			return false;
		}
		memcpy(buf + out, one, len);
		out += len;
		if (out + 3 < size)
			fits = out;
		s += n;
		left -= n;
	}
	if (size)
		buf[out] = '\0';
	return true;
}

bool pvtb_text_is_clean(const char *s)
{
	size_t left = strlen(s), n;
	u32 c;

	for (; left; s += n, left -= n) {
		n = decode((const unsigned char *)s, left, &c);
		if (!n || acts(c))
			return false;
	}
	return true;
}

char *pvtb_text_cleaned(const char *s)
{
	/* the longest form of one byte is \xNN, of a character of two \u0085 */
	size_t size = 4 * strlen(s) + 1;
	char *buf = malloc(size);

	if (buf)
		pvtb_text_clean(s, buf, size);
	return buf;
}

void pvtb_text_put_lines(const char *s, size_t len, FILE *out)
{
	while (len) {
		char one[16];
		size_t shown, n = show(s, len, one, &shown);

		if (*s == '\n' || *s == '\t')
			fputc(*s, out);
		else
			fwrite(one, 1, shown, out);
		s += n;
		len -= n;
	}
}

/* How many bytes at the end of @s begin a character that goes on. */
static size_t unfinished(const char *s, size_t len)
{
	for (size_t n = 1; n < 4 && n <= len; n++) {
		unsigned char c = (unsigned char)s[len - n];

		if ((c & 0xc0) != 0x80)
			return c >= (n == 1 ? 0xc2 : n == 2 ? 0xe0 : 0xf0) && c < 0xf5 ? n : 0;
	}
	return 0;
}

void pvtb_text_put_piece(struct pvtb_text_pieces *p, const char *s, size_t len, FILE *out)
{
	size_t tail;

	/* byte by byte, until what was left is a character, or is none */
	while (p->nr && len) {
		p->left[p->nr++] = *s++;
		len--;
		if (p->nr < sizeof(p->left) && unfinished(p->left, p->nr) == p->nr)
			continue;
		pvtb_text_put_lines(p->left, p->nr, out);
		p->nr = 0;
	}
	tail = unfinished(s, len);
	pvtb_text_put_lines(s, len - tail, out);
	memcpy(p->left + p->nr, s + len - tail, tail);
	p->nr += tail;
}

void pvtb_text_put_markdown(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '<' && (isalpha((unsigned char)text[1]) || strchr("/!?", text[1])))
			fputs("&lt;", out);
		else if (text[0] == ']' && text[1] == '(')
			fputs("]\\", out);
		else if (text[0] != '\n' || text[1] != '\n' || text[2] != '\n')
			fputc(*text, out);
	}
}

void pvtb_text_put_ktap(const char *s, FILE *out)
{
	char *clean PVTB_FREE = pvtb_text_cleaned(s);

	for (const char *p = clean ? clean : "?"; *p; p++) {
		if (*p == '#')
			fputs("\\x23", out);
		else
			fputc(*p, out);
	}
}

void pvtb_text_put_whole(const char *s, size_t len, FILE *out)
{
	u32 c;

	while (len) {
		size_t n = decode((const unsigned char *)s, len, &c);

		if (n)
			fwrite(s, 1, n, out);
		s += n ? n : 1;
		len -= n ? n : 1;
	}
}

size_t pvtb_text_cut(const char *s, size_t max)
{
	size_t n = strlen(s);

	if (n <= max)
		return n;
	for (n = max; n && ((unsigned char)s[n] & 0xc0) == 0x80; n--)
		;
	return n;
}
