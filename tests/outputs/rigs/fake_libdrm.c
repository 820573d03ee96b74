/* A stand-in for libdrm.so.2, compiled against its real headers, with the cards of a Pi 5: card0
 * draws but shows nothing, card1 has two HDMI plugs and a writeback. Cards are plain files, and
 * the memory of a card's buffers is the content of its file. The test turns `world`'s knobs, and
 * reads in it what would be on the displays. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

enum { PLUGS = 2, MOST = 64, FIRST_CONNECTOR = 32, WRITEBACK = 52, FIRST_ENCODER = 41, FIRST_CRTC = 61 };
enum { CONSOLE = 7 }; /* the picture that is shown before we come */

struct world {
    int plugged[PLUGS], feeding[PLUGS]; /* plugs: display there; encoder joined to a crtc at boot */
    int is_taken, is_gone, is_stuck, failing_allocation; /* knobs */
    int shown[PLUGS], mode_width[PLUGS], mode_height[PLUGS], connector[PLUGS]; /* by crtc */
    int flips, buffers, framebuffers, lent;
    unsigned pitch[MOST], offset[MOST], size[MOST]; /* by buffer handle */
    int handle_of[MOST], pending, pending_crtc; /* handle_of: by framebuffer */
} world;

static unsigned handles, ids, end;

static const struct { int width, height, rate, flags, type; const char *name; } MODES[] = {
    {1920, 1080, 60, DRM_MODE_FLAG_INTERLACE, DRM_MODE_TYPE_DRIVER, "1920x1080i"},
    {1280, 720, 60, 0, DRM_MODE_TYPE_DRIVER | DRM_MODE_TYPE_PREFERRED, "1280x720"},
    {640, 480, 75, 0, DRM_MODE_TYPE_DRIVER, "640x480"},
    {640, 480, 60, 0, DRM_MODE_TYPE_DRIVER, "640x480"},
    {1366, 768, 60, 0, DRM_MODE_TYPE_DRIVER, "1366x768"},
};
enum { MODE_COUNT = sizeof MODES / sizeof *MODES };

static int fail(int number) { errno = number; return -number; }

static int shows(int fd) {
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof path - 1) > 0 && strstr(path, "card1") != NULL;
}

static int refuses(int fd) {
    if (world.is_gone) return fail(ENODEV);
    return shows(fd) ? 0 : fail(EOPNOTSUPP);
}

static void *lend(size_t size) { world.lent++; return calloc(1, size); }
static void take(void *lent) { if (lent) world.lent--; free(lent); }

static void describe(drmModeModeInfo *mode, int i) {
    memset(mode, 0, sizeof *mode);
    mode->hdisplay = MODES[i].width, mode->vdisplay = MODES[i].height;
    mode->vrefresh = MODES[i].rate, mode->flags = MODES[i].flags, mode->type = MODES[i].type;
    strcpy(mode->name, MODES[i].name);
}

int drmGetCap(int fd, uint64_t what, uint64_t *value) {
    if (world.is_gone) return fail(ENODEV);
    *value = what == DRM_CAP_DUMB_BUFFER && shows(fd);
    return 0;
}

drmModeResPtr drmModeGetResources(int fd) {
    static uint32_t connectors[] = {WRITEBACK, FIRST_CONNECTOR, FIRST_CONNECTOR + 1};
    static uint32_t crtcs[] = {FIRST_CRTC, FIRST_CRTC + 1};
    if (refuses(fd)) return NULL;
    drmModeResPtr made = lend(sizeof *made);
    made->count_connectors = 3, made->connectors = connectors;
    made->count_crtcs = 2, made->crtcs = crtcs;
    return made;
}
void drmModeFreeResources(drmModeResPtr lent) { take(lent); }

drmModeConnectorPtr drmModeGetConnector(int fd, uint32_t id) {
    static uint32_t encoders[PLUGS] = {FIRST_ENCODER, FIRST_ENCODER + 1};
    static drmModeModeInfo modes[MODE_COUNT];
    if (refuses(fd)) return NULL;
    drmModeConnectorPtr made = lend(sizeof *made);
    made->connector_id = id;
    if (id == WRITEBACK) {
        made->connector_type = DRM_MODE_CONNECTOR_WRITEBACK, made->connector_type_id = 1;
        made->connection = DRM_MODE_CONNECTED, made->count_modes = 1, made->modes = modes;
        return made;
    }
    int i = id - FIRST_CONNECTOR;
    made->connector_type = DRM_MODE_CONNECTOR_HDMIA, made->connector_type_id = i + 1;
    made->connection = world.plugged[i] ? DRM_MODE_CONNECTED : DRM_MODE_DISCONNECTED;
    made->encoder_id = world.feeding[i] ? encoders[i] : 0;
    made->count_encoders = 1, made->encoders = &encoders[i];
    if (world.plugged[i]) {
        for (int k = 0; k < MODE_COUNT; k++) describe(&modes[k], k);
        made->count_modes = MODE_COUNT, made->modes = modes;
    }
    return made;
}
drmModeConnectorPtr drmModeGetConnectorCurrent(int fd, uint32_t id) { return drmModeGetConnector(fd, id); }
void drmModeFreeConnector(drmModeConnectorPtr lent) {
    if (lent && lent->modes) memset(lent->modes, 0xa5, lent->count_modes * sizeof *lent->modes);
    take(lent);
}

drmModeEncoderPtr drmModeGetEncoder(int fd, uint32_t id) {
    if (refuses(fd)) return NULL;
    drmModeEncoderPtr made = lend(sizeof *made);
    int i = id - FIRST_ENCODER;
    made->encoder_id = id, made->possible_crtcs = i ? 3 : 1; /* HDMI-A-1 has no choice */
    made->crtc_id = world.feeding[i] ? FIRST_CRTC + i : 0;
    return made;
}
void drmModeFreeEncoder(drmModeEncoderPtr lent) { take(lent); }

drmModeCrtcPtr drmModeGetCrtc(int fd, uint32_t id) {
    if (refuses(fd)) return NULL;
    drmModeCrtcPtr made = lend(sizeof *made);
    int i = id - FIRST_CRTC;
    made->crtc_id = id, made->buffer_id = world.shown[i], made->mode_valid = world.shown[i] != 0;
    made->x = 3, made->y = 5;
    describe(&made->mode, 2);
    return made;
}
void drmModeFreeCrtc(drmModeCrtcPtr lent) { take(lent); }

int drmModeSetCrtc(int fd, uint32_t crtc, uint32_t buffer, uint32_t x, uint32_t y,
                   uint32_t *connectors, int count, drmModeModeInfoPtr mode) {
    if (refuses(fd)) return -errno;
    if (world.is_taken) return fail(EACCES);
    int is_known = buffer == CONSOLE ? x == 3 && y == 5 : world.handle_of[buffer] && !x && !y;
    if (!is_known || count != 1) return fail(EINVAL);
    int i = crtc - FIRST_CRTC;
    world.shown[i] = buffer, world.connector[i] = connectors[0];
    world.mode_width[i] = mode->hdisplay, world.mode_height[i] = mode->vdisplay;
    return 0;
}

int drmModeAddFB(int fd, uint32_t width, uint32_t height, uint8_t depth, uint8_t bpp,
                 uint32_t pitch, uint32_t handle, uint32_t *id) {
    if (refuses(fd)) return -errno;
    if (depth != 24 || bpp != 32 || pitch != world.pitch[handle]) return fail(EINVAL);
    *id = CONSOLE + 1 + ids++ % (MOST - CONSOLE - 1);
    world.handle_of[*id] = handle, world.framebuffers++;
    return 0;
}

int drmModeRmFB(int fd, uint32_t id) {
    if (refuses(fd)) return -errno;
    if (!world.handle_of[id]) return fail(ENOENT);
    for (int i = 0; i < PLUGS; i++)
        if (world.shown[i] == (int)id) world.shown[i] = 0; /* as the kernel does: it goes dark */
    world.handle_of[id] = 0, world.framebuffers--;
    return 0;
}

int drmIoctl(int fd, unsigned long request, void *argument) {
    if (refuses(fd)) return -1;
    if (request == DRM_IOCTL_MODE_CREATE_DUMB) {
        struct drm_mode_create_dumb *made = argument;
        if (world.failing_allocation && --world.failing_allocation == 0) { errno = ENOMEM; return -1; }
        made->handle = 1 + handles++ % (MOST - 1);
        made->pitch = (made->width * 4 + 63) / 64 * 64; /* rows are longer than pictures */
        made->size = (uint64_t)made->pitch * made->height;
        world.pitch[made->handle] = made->pitch, world.size[made->handle] = made->size;
        world.offset[made->handle] = end;
        end += (made->size + 4095) / 4096 * 4096;
        if (ftruncate(fd, end)) return -1;
        world.buffers++;
    } else if (request == DRM_IOCTL_MODE_MAP_DUMB) {
        struct drm_mode_map_dumb *map = argument;
        map->offset = world.offset[map->handle];
    } else if (request == DRM_IOCTL_MODE_DESTROY_DUMB) {
        world.buffers--;
    } else {
        errno = ENOTTY;
        return -1;
    }
    return 0;
}

int drmModePageFlip(int fd, uint32_t crtc, uint32_t id, uint32_t flags, void *data) {
    if (refuses(fd)) return -errno;
    if (world.is_taken) return fail(EACCES);
    if (world.pending) return fail(EBUSY);
    if (!world.handle_of[id] || flags != DRM_MODE_PAGE_FLIP_EVENT) return fail(EINVAL);
    world.pending = id, world.pending_crtc = crtc;
    return 0;
}

int drmHandleEvent(int fd, drmEventContextPtr context) {
    if (refuses(fd)) return -1;
    if (context->version < 2) { errno = EINVAL; return -1; }
    if (!world.pending || world.is_stuck) return 0;
    world.shown[world.pending_crtc - FIRST_CRTC] = world.pending;
    world.pending = 0;
    context->page_flip_handler(fd, ++world.flips, 0, 0, NULL);
    return 0;
}

void start_world(void) {
    memset(&world, 0, sizeof world);
    handles = ids = end = 0;
    world.shown[0] = CONSOLE, world.feeding[0] = 1;
}
