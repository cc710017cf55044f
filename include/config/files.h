/* The files of the configuration: the main one and those of conf.d beside it. */
#ifndef UDPWATCH_CONFIG_FILES_H
#define UDPWATCH_CONFIG_FILES_H

#include "config/draft.h"

/* All files together. */
enum { CONFIG_BYTES_MAX = 4 * 1024 * 1024 };

/* Read a file, which may be missing when that is said, then conf.d/NAME.ini beside it in the order
 * of strcmp(3). What cannot be read is reported. */
void config_files_read(struct config_draft *draft, const char *file, bool may_be_missing);

#endif
