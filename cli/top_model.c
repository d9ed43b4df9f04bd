#include "cli/top_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

void top_model_init(struct top_model *m)
{
        *m = (struct top_model){.page = 1};
}

/* Who holds what. */

static void find_holders(struct top_model *m)
{
        for (unsigned pu = 0; pu < CPUSET_MAX; pu++)
                m->holder[pu] = cpuset_has(&m->status->usable, pu) ? TOP_FREE : TOP_UNUSABLE;
        m->n_lent = m->n_waiting = 0;
        for (size_t i = 0; i < m->status->n_leases; i++) {
                const struct view_lease *lease = &m->status->leases[i];

                m->n_waiting += lease->position > 0;
                CPUSET_FOREACH (pu, &lease->pus) {
                        m->n_lent += m->holder[pu] == TOP_FREE || m->holder[pu] == TOP_UNUSABLE;
                        m->holder[pu] =
                                m->holder[pu] >= 0 || m->holder[pu] == TOP_MANY ? (int16_t)TOP_MANY : (int16_t)i;
                }
        }
}

/* A letter stays a lease's while it lives, and is not given out again at once. */
static void give_letters(struct top_model *m)
{
        for (unsigned i = 0; i < TOP_LETTERS; i++)
                if (*m->letters[i].lease && !view_find_lease(m->status, m->letters[i].lease))
                        *m->letters[i].lease = '\0';
        for (size_t i = 0; i < m->status->n_leases; i++) {
                const char *id = m->status->leases[i].id;

                if (top_model_letter(m, id) != '#')
                        continue;
                for (unsigned n = 0; n < TOP_LETTERS; n++) {
                        unsigned letter = (m->next_letter + n) % TOP_LETTERS;

                        if (*m->letters[letter].lease)
                                continue;
                        (void)snprintf(m->letters[letter].lease, TOP_ID_MAX, "%s", id);
                        m->next_letter = letter + 1;
                        break;
                }
        }
}

char top_model_letter(const struct top_model *m, const char *lease)
{
        for (unsigned i = 0; i < TOP_LETTERS; i++)
                if (strcmp(m->letters[i].lease, lease) == 0)
                        return (char)(i < 26 ? 'A' + (int)i : 'a' + (int)i - 26);
        return '#';
}

/* The selection. */

static void select_index(struct top_model *m, size_t index)
{
        size_t n = m->status ? m->status->n_leases : 0;

        m->index = n == 0 ? 0 : (unsigned)(index < n ? index : n - 1);
        (void)snprintf(m->selected, sizeof(m->selected), "%s", n == 0 ? "" : m->status->leases[m->index].id);
}

/* The lease that was selected, or the one now in its place. */
static void keep_selection(struct top_model *m)
{
        for (size_t i = 0; i < m->status->n_leases; i++)
                if (strcmp(m->status->leases[i].id, m->selected) == 0) {
                        m->index = (unsigned)i;
                        return;
                }
        m->typing = false; /* what was typed was for the lease that is gone */
        select_index(m, m->index);
}

const struct view_lease *top_model_selected(const struct top_model *m)
{
        return m->status && m->index < m->status->n_leases ? &m->status->leases[m->index] : NULL;
}

/* History. */

static double hottest(const struct view_headroom *headroom)
{
        double most = (double)NAN;

        for (size_t i = 0; headroom && i < headroom->n_readings; i++) {
                const struct view_reading *reading = &headroom->readings[i];

                if (reading->kind == VIEW_TEMPERATURE && !reading->ignored && isfinite(reading->value) &&
                    !(reading->value <= most))
                        most = reading->value;
        }
        return most;
}

/* Of several samples the tightest budget, the most lent, the hottest. */
static void remember(struct top_model *m)
{
        uint64_t index = m->now_ms / TOP_PAST_MS + 1;
        struct top_past *past = &m->past[index % TOP_PAST_MAX];
        double temperature = hottest(m->headroom);

        if (past->index != index)
                *past = (struct top_past){index, m->status->budget, m->n_lent, temperature};
        if (m->status->budget < past->budget)
                past->budget = m->status->budget;
        if (m->n_lent > past->lent)
                past->lent = m->n_lent;
        if (!(past->hottest >= temperature))
                past->hottest = temperature;
}

const struct top_past *top_model_past(const struct top_model *m, unsigned ago)
{
        uint64_t now = m->now_ms / TOP_PAST_MS + 1;
        const struct top_past *past;

        if (ago >= TOP_PAST_MAX || ago >= now)
                return NULL;
        past = &m->past[(now - ago) % TOP_PAST_MAX];
        return past->index == now - ago ? past : NULL;
}

void top_model_update(struct top_model *m, const struct view_status *status, const struct view_headroom *headroom,
                      const struct machine *machine, const char *problem, uint64_t now_ms)
{
        m->status = status;
        m->headroom = headroom;
        m->machine = machine;
        m->now_ms = now_ms;
        (void)snprintf(m->problem, sizeof(m->problem), "%s", problem ? problem : "");
        if (now_ms >= m->message_until)
                *m->message = '\0';
        if (!status) {
                m->typing = false;
                return;
        }
        find_holders(m);
        give_letters(m);
        keep_selection(m);
        remember(m);
}

void top_model_tell(struct top_model *m, const char *message)
{
        (void)snprintf(m->message, sizeof(m->message), "%s", message);
        m->message_until = m->now_ms + TOP_MESSAGE_MS;
}

/* Keys. */

static struct top_action about_selected(const struct top_model *m, enum top_action_type type, unsigned value)
{
        struct top_action action = {.type = type, .value = value};

        memcpy(action.lease, m->selected, sizeof(action.lease));
        return action;
}

static struct top_action type_key(struct top_model *m, unsigned key)
{
        size_t n = strlen(m->digits);
        unsigned long weight;

        if (key >= '0' && key <= '9' && n < TOP_DIGITS_MAX) {
                m->digits[n] = (char)key;
                m->digits[n + 1] = '\0';
        } else if (key == TOP_KEY_BACKSPACE && n > 0) {
                m->digits[n - 1] = '\0';
        } else if (key == TOP_KEY_ESCAPE || key == 'q') {
                m->typing = false;
        } else if (key == TOP_KEY_ENTER) {
                m->typing = false;
                weight = strtoul(m->digits, NULL, 10);
                if (weight >= ALLOC_WEIGHT_MIN && weight <= ALLOC_WEIGHT_MAX)
                        return about_selected(m, TOP_SET_WEIGHT, (unsigned)weight);
                top_model_tell(m, "A weight is a number from 1 to 10000.");
        }
        return (struct top_action){.type = TOP_NOTHING};
}

/* Batch, normal, interactive: one up or down. */
static struct top_action shift_priority(const struct top_model *m, const struct view_lease *lease, bool up)
{
        static const enum view_priority raised[] = {VIEW_INTERACTIVE, VIEW_NORMAL, VIEW_INTERACTIVE};
        static const enum view_priority lowered[] = {VIEW_BATCH, VIEW_BATCH, VIEW_NORMAL};
        enum view_priority priority = up ? raised[lease->priority] : lowered[lease->priority];

        if (priority == lease->priority)
                return (struct top_action){.type = TOP_NOTHING};
        return about_selected(m, TOP_SET_PRIORITY, (unsigned)priority);
}

static struct top_action lease_key(struct top_model *m, const struct view_lease *lease, unsigned key)
{
        switch (key) {
        case 'p':
                return about_selected(m, TOP_SET_PAUSED, !lease->paused);
        case 'i':
                return about_selected(m, TOP_SET_PRIORITY, VIEW_INTERACTIVE);
        case 'n':
                return about_selected(m, TOP_SET_PRIORITY, VIEW_NORMAL);
        case 'b':
                return about_selected(m, TOP_SET_PRIORITY, VIEW_BATCH);
        case '+':
        case '-':
                return shift_priority(m, lease, key == '+');
        case 'w':
                m->typing = true;
                *m->digits = '\0';
                break;
        default:
                break;
        }
        return (struct top_action){.type = TOP_NOTHING};
}

static bool move_key(struct top_model *m, unsigned key)
{
        unsigned page = m->page > 0 ? m->page : 1;

        switch (key) {
        case TOP_KEY_UP:
        case 'k':
                select_index(m, m->index > 0 ? m->index - 1 : 0);
                return true;
        case TOP_KEY_DOWN:
        case 'j':
                select_index(m, m->index + 1);
                return true;
        case TOP_KEY_PAGE_UP:
                select_index(m, m->index > page ? m->index - page : 0);
                return true;
        case TOP_KEY_PAGE_DOWN:
                select_index(m, m->index + page);
                return true;
        case TOP_KEY_HOME:
                select_index(m, 0);
                return true;
        case TOP_KEY_END:
                select_index(m, SIZE_MAX);
                return true;
        default:
                return false;
        }
}

struct top_action top_model_key(struct top_model *m, unsigned key)
{
        const struct view_lease *lease = top_model_selected(m);

        if (key == 'L' - '@') /* control-L */
                return (struct top_action){.type = TOP_REPAINT};
        if (m->help) {
                m->help = false;
                return (struct top_action){.type = TOP_NOTHING};
        }
        if (m->typing)
                return type_key(m, key);
        if (key == 'q')
                return (struct top_action){.type = TOP_QUIT};
        if (key == '?' || key == 'h')
                m->help = true;
        else if (!move_key(m, key) && lease)
                return lease_key(m, lease, key);
        return (struct top_action){.type = TOP_NOTHING};
}
