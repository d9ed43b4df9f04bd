/* Writing XML: UTF-8, what has to be escaped is. Errors stay in the FILE. And what expat lacks to read it. */
#pragma once

#include <expat.h>
#include <stdio.h>

/* Text between tags. A carriage return would be read as a newline, so it is written as a reference. */
void merge_xml_text(FILE *to, const char *text, size_t size);
/* ' NAME="VALUE"'. Newlines and tabs are written as references: a reader makes spaces of them else. */
void merge_xml_attribute(FILE *to, const char *name, const char *value);

/* For XML_SetUnknownEncodingHandler(): encodings of one byte a character (windows-1252...), by what iconv says of each.
 */
int merge_xml_on_encoding(void *user, const XML_Char *name, XML_Encoding *info);
