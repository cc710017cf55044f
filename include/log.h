/* Log lines on standard error, with journald's priority prefix when a journal reads them. */
#ifndef UDPWATCH_LOG_H
#define UDPWATCH_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Set the level: lines above it are not written. It is info at first. Both programs call this once
 * before they give up privileges: it also looks whether a journal reads standard error, that is
 * whether JOURNAL_STREAM names the device and inode of descriptor 2 (systemd.exec(5)); a shell
 * below a service inherits the variable, so its presence alone says nothing. These two are the only
 * globals of the program. */
void log_set_level(enum log_level level);

/* Read a level's name (error, warning, info, debug).
 * Returns 0, or -EINVAL for any other name. */
int log_level_parse(const char *name, enum log_level *level);

/* The name of a level, a static string. */
const char *log_level_name(enum log_level level);

/* Write one line, as printf does, in one write(2). Control characters and invalid UTF-8 in the
 * result are made printable, so that no process name can forge a line. The prefix is "<3>" to
 * "<7>" (sd-daemon(3)) when a journal reads it, else the level's name, as in "error: ". */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write lines that need no word before them, as a compiler's: with the level to the journal,
 * elsewhere as they are, whatever the level is set to. */
void log_verbatim(enum log_level level, const char *lines);

/* Write each line of a text that has newlines as a warning of its own. */
void log_warning_lines(const char *lines);

#endif
