/* Be the library of an Edge TPU that works, refuses, hangs or crashes in the midst of inferences.
 *
 * It takes the first operation of a MoveNet file upon itself, the cast of the picture from uint8 to
 * float32, as the chip's own library takes the compiled part; the rest is left to the processor.
 * The file that CHIP_MOOD names says how it is, read at each inference: "refuses", "hangs",
 * "crashes", or "crashes N": after N inferences of a process. Anything else, and no file, is well.
 *
 * Of TFLite's C interface (core/c/common.h) stands here what is used, in its order and sizes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { int size; int data[]; } Ints;
typedef struct {
    int type;
    void* data;
    Ints* dims;
    float scale;
    int32_t zero_point;
    int allocation_type;
    size_t bytes;
    void* rest[8];
} Tensor;
typedef struct { Ints* inputs; Ints* outputs; } Node;
typedef struct Context Context;
typedef struct {
    void* (*init)(Context*, const char*, size_t);
    void (*free)(Context*, void*);
    int (*prepare)(Context*, Node*);
    int (*invoke)(Context*, Node*);
    const char* (*profiling_string)(Context*, Node*);
    int32_t builtin_code;
    const char* custom_name;
    int version;
    void* rest[8];
} Registration;
struct Context {
    size_t tensors_size;
    int (*get_execution_plan)(Context*, Ints**);
    Tensor* tensors;
    void* impl;
    int (*resize_tensor)(Context*, Tensor*, Ints*);
    void (*report_error)(Context*, const char*, ...);
    int (*add_tensors)(Context*, int, int*);
    int (*get_node_and_registration)(Context*, int, Node**, Registration**);
    int (*replace_node_subsets)(Context*, Registration, const Ints*, void*);
};
typedef struct {
    void* data;
    int (*prepare)(Context*, void*);
    void* rest[30];
} Delegate;

enum { OK = 0, ERROR = 1 };

static int inferences;

static int suffer(Context* context) {
    char mood[32] = "";
    const char* path = getenv("CHIP_MOOD");
    FILE* file = path ? fopen(path, "r") : NULL;
    if (file) {
        size_t size = fread(mood, 1, sizeof mood - 1, file);
        mood[size] = 0;
        fclose(file);
    }
    inferences++;
    if (!strncmp(mood, "crashes", 7) && inferences > atoi(mood + 7)) *(volatile int*)0 = 1;
    if (!strcmp(mood, "hangs")) for (;;) pause();
    if (strcmp(mood, "refuses")) return OK;
    context->report_error(context, "the chip does not answer");
    return ERROR;
}

static int invoke(Context* context, Node* node) {
    const Tensor* in = &context->tensors[node->inputs->data[0]];
    const Tensor* out = &context->tensors[node->outputs->data[0]];
    for (size_t i = 0; i < in->bytes; i++) ((float*)out->data)[i] = ((uint8_t*)in->data)[i];
    return suffer(context);
}

static int ready(Context* context, Node* node) { return OK; }

static int take(Context* context, void* delegate) {
    Ints* plan;
    Registration kernel = {.prepare = ready, .invoke = invoke, .custom_name = "Chip", .version = 1};
    int first[2] = {1};
    if (context->get_execution_plan(context, &plan)) return ERROR;
    first[1] = plan->data[0];
    return context->replace_node_subsets(context, kernel, (Ints*)first, delegate);
}

void* tflite_plugin_create_delegate(char** keys, char** values, size_t count, void* report) {
    Delegate* made = calloc(1, sizeof *made);
    made->prepare = take;
    return made;
}

void tflite_plugin_destroy_delegate(void* delegate) { free(delegate); }
