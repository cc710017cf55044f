#include "web/authorities.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

/* Seconds for which libcurl keeps what it read of a file: a new one is not seen before. */
enum { MOST_AGE = 60 };

/* HASH.0: eight hexadecimal digits, and the first of that hash. */
static bool is_hash(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && strcmp(name + 8, ".0") == 0;
}

bool authorities_are_hashed(const char *directory)
{
    DIR *opened = directory ? opendir(directory) : NULL;
    const struct dirent *entry;
    bool found = false;
    if (!opened)
        return false;
    while (!found && (entry = readdir(opened)))
        found = is_hash(entry->d_name);
    closedir(opened);
    return found;
}

/* One is found by its hash. */
static CURLcode use_directory(CURL *handle)
{
    return curl_easy_setopt(handle, CURLOPT_CAINFO, NULL);
}

/* All are read at once, and kept by libcurl where there is no directory besides
 * (CURLOPT_CA_CACHE_TIMEOUT(3)). NULL: libcurl's own choice. */
static CURLcode use_file(CURL *handle, const char *file)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
    if (code == CURLE_OK)
        code = curl_easy_setopt(handle, CURLOPT_CA_CACHE_TIMEOUT, (long)MOST_AGE);
    if (code == CURLE_OK && file)
        code = curl_easy_setopt(handle, CURLOPT_CAINFO, file);
    return code;
}

/* libcurl keeps those of one file, of all that the checks name: as soon as one has a ca_file, the
 * host's file would be read again and again, 30 ms each time in which no other check goes on. */
static CURLcode choose(CURL *handle, const struct web_check *check)
{
    if (!check->ca_file && authorities_are_hashed(curl_version_info(CURLVERSION_NOW)->capath))
        return use_directory(handle);
    return use_file(handle, check->ca_file);
}

int authorities_set(CURL *handle, const struct web_check *check)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, (long)check->verify);
    if (code == CURLE_OK)
        code = curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, check->verify ? 2L : 0L);
    if (code == CURLE_OK)
        code = choose(handle, check);
    return code == CURLE_OK ? 0 : -ENOMEM;
}
