/* Writing XML: UTF-8, what has to be escaped is. Errors stay in the FILE. */
#pragma once

#include <stdio.h>

/* Text between tags. A carriage return would be read as a newline, so it is written as a reference. */
void merge_xml_text(FILE *to, const char *text, size_t size);
/* ' NAME="VALUE"'. Newlines and tabs are written as references: a reader makes spaces of them else. */
void merge_xml_attribute(FILE *to, const char *name, const char *value);
