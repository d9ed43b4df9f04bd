/* XML: what expat lacks to read it, and writing it. */
#pragma once

#include <expat.h>
#include <stdio.h>

/* An element's name without a namespace's prefix. */
const char *xml_local_name(const XML_Char *name);
/* The value of one of an element's attributes, as expat gives them; NULL where it has none of that name. */
const char *xml_attribute(const XML_Char **attributes, const char *name);
/* For XML_SetUnknownEncodingHandler(): encodings of one byte a character (windows-1252...), by what iconv says of each.
 */
int xml_on_encoding(void *user, const XML_Char *name, XML_Encoding *info);

/* What writes takes UTF-8 and escapes what has to be. Errors stay in the FILE. */

/* Text between tags. A carriage return would be read as a newline, so it is written as a reference. */
void xml_write_text(FILE *to, const char *text, size_t size);
/* ' NAME="VALUE"'. Newlines and tabs are written as references: a reader makes spaces of them else. */
void xml_write_attribute(FILE *to, const char *name, const char *value);
