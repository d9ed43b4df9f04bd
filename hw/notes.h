/* Notes: what a reader came across and got over, for the caller to log. hw/ itself prints nothing. */
#pragma once

enum {
        HW_NOTES_MAX = 8, /* further ones are only counted */
        HW_NOTE_SIZE = 192,
};

struct hw_notes {
        unsigned n; /* may exceed HW_NOTES_MAX */
        char text[HW_NOTES_MAX][HW_NOTE_SIZE];
};

/* notes may be NULL. Cut where it is too long. */
void hw_note(struct hw_notes *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));
