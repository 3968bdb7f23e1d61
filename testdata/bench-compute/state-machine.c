// A lexer's state machine: counts words, numbers, quoted strings and comments in bytes taken for text.
#include "compute.h"

enum { BLANK, WORD, NUMBER, QUOTED, ESCAPE, COMMENT };

u64 run(u8 *mem, u32 size)
{
	u32 state = BLANK, words = 0, numbers = 0, strings = 0, comments = 0;

	for (u32 i = 0; i < size; i++) {
		u8 c = mem[i] & 0x7f;
		u32 letter = (c | 0x20) - 'a' < 26u;
		u32 digit = c - '0' < 10u;

		switch (state) {
		case BLANK:
			if (letter)
				state = WORD;
			else if (digit)
				state = NUMBER;
			else if (c == '"')
				state = QUOTED;
			else if (c == '#')
				state = COMMENT;
			break;
		case WORD:
			if (!letter && !digit && c != '_') {
				words++;
				state = c == '"' ? QUOTED : BLANK;
			}
			break;
		case NUMBER:
			if (!digit && c != '.') {
				numbers++;
				state = letter ? WORD : BLANK;
			}
			break;
		case QUOTED:
			if (c == '\\') {
				state = ESCAPE;
			} else if (c == '"') {
				strings++;
				state = BLANK;
			}
			break;
		case ESCAPE:
			state = QUOTED;
			break;
		default:
			if (c < 8) {
				comments++;
				state = BLANK;
			}
		}
	}
	return ((u64)words << 48) + ((u64)numbers << 32) + ((u64)strings << 16) + comments;
}
