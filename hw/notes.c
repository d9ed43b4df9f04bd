#include "hw/notes.h"

#include <stdarg.h>
#include <stdio.h>

void hw_note(struct hw_notes *notes, const char *format, ...)
{
        va_list args;

        if (!notes)
                return;
        if (notes->n < HW_NOTES_MAX) {
                va_start(args, format);
                (void)vsnprintf(notes->text[notes->n], sizeof(notes->text[0]), format, args);
                va_end(args);
        }
        notes->n++;
}
