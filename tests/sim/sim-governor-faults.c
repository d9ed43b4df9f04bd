/* Faults in mid-run: whatever sensors say, some PU is lent and the reason names what was set aside (trial_run() asserts
 * both every second), and trips are kept by the sensors that are left. */
#include "tests/sim/governor-trial.h"
#include "tests/unit/test.h"

enum {
        FAULTS_MAX = 4,
};

struct scene {
        const char *title, *machine;
        enum governor_policy policy;
        struct trial_fault faults[FAULTS_MAX];
        bool silent;
        bool set_aside; /* some reading has to be */
        bool keeps;     /* the chassis's trip is kept near equilibrium */
        bool full;      /* there is no reason to cut */
};

#define FAULT(second, name, what)                                                                                      \
        {                                                                                                              \
                .at = second, .zone = name, .fault = what                                                              \
        }
#define SUSPEND(second, seconds)                                                                                       \
        {                                                                                                              \
                .at = second, .asleep = seconds                                                                        \
        }

static const struct scene scenes[] = {
        {.title = "chassis sensor stuck while cold",
         .machine = "laptop-hot",
         .policy = GOVERNOR_QUIET,
         .faults = {FAULT(60, "TSKN", PLANT_STUCK)},
         .keeps = true},
        {.title = "die sensor stuck",
         .machine = "laptop-hot",
         .policy = GOVERNOR_QUIET,
         .faults = {FAULT(600, "coretemp", PLANT_STUCK)},
         .keeps = true},
        {.title = "die sensor stuck while hot",
         .machine = "laptop-hot",
         .policy = GOVERNOR_QUIET,
         .faults = {FAULT(15, "coretemp", PLANT_STUCK)},
         .set_aside = true,
         .keeps = true},
        {.title = "chassis sensor drifts down",
         .machine = "laptop-hot",
         .policy = GOVERNOR_QUIET,
         .faults = {FAULT(300, "TSKN", PLANT_SINKS)},
         .keeps = true},
        {.title = "chassis sensor drifts up",
         .machine = "laptop-hot",
         .policy = GOVERNOR_QUIET,
         .faults = {FAULT(300, "TSKN", PLANT_RISES)},
         .keeps = true},
        {.title = "one of each kind vanishes",
         .machine = "laptop-hot",
         .policy = GOVERNOR_QUIET,
         .faults = {FAULT(500, "TSKN", PLANT_VANISHED), FAULT(700, "coretemp", PLANT_VANISHED)},
         .set_aside = true,
         .keeps = true},
        {.title = "all sensors of the die vanish",
         .machine = "laptop-hot",
         .policy = GOVERNOR_BATTERY,
         .faults = {FAULT(500, "coretemp", PLANT_VANISHED), FAULT(500, "x86_pkg_temp", PLANT_VANISHED)},
         .set_aside = true,
         .keeps = true},
        {.title = "garbage from one of each kind",
         .machine = "laptop-hot",
         .policy = GOVERNOR_QUIET,
         .faults = {FAULT(400, "TSKN", PLANT_GARBAGE), FAULT(600, "x86_pkg_temp", PLANT_GARBAGE)},
         .set_aside = true,
         .keeps = true},
        {.title = "garbage from all",
         .machine = "laptop",
         .policy = GOVERNOR_BALANCED,
         .faults = {FAULT(100, "T", PLANT_GARBAGE), FAULT(100, "temp", PLANT_GARBAGE)},
         .set_aside = true},
        {.title = "all vanish",
         .machine = "laptop",
         .policy = GOVERNOR_QUIET,
         .faults = {FAULT(100, "T", PLANT_VANISHED), FAULT(100, "temp", PLANT_VANISHED)},
         .set_aside = true},
        {.title = "suspended for an hour, and again for a minute",
         .machine = "laptop-hot",
         .policy = GOVERNOR_QUIET,
         .faults = {SUSPEND(700, 3600), SUSPEND(900, 60)},
         .keeps = true},
        {.title = "no work rate is reported",
         .machine = "laptop-hot",
         .policy = GOVERNOR_BATTERY,
         .silent = true,
         .keeps = true},
        {.title = "no work rate is reported from a throttled tower",
         .machine = "tower-dusty",
         .policy = GOVERNOR_BALANCED,
         .silent = true},
        {.title = "die sensor stuck where heat is by design",
         .machine = "tower",
         .policy = GOVERNOR_PERFORMANCE,
         .faults = {FAULT(600, "coretemp", PLANT_STUCK)},
         .full = true},
        {.title = "die sensor drifts up where heat is by design",
         .machine = "tower-16",
         .policy = GOVERNOR_BALANCED,
         .faults = {FAULT(300, "k10temp", PLANT_RISES)}},
        {.title = "a server's second sensor vanishes",
         .machine = "server",
         .policy = GOVERNOR_QUIET,
         .faults = {FAULT(300, "id 1", PLANT_VANISHED)},
         .set_aside = true},
};

static unsigned failures;

static void fail(const struct scene *scene, const char *what, double value)
{
        fprintf(stderr, "%s, %s on %s: %s (%.1f)\n", scene->title, governor_policy_text(scene->policy), scene->machine,
                what, value);
        failures++;
}

static void play(const struct scene *scene, FILE *trace)
{
        struct trial t = {.model = plant_find(scene->machine),
                          .policy = scene->policy,
                          .seed = 11,
                          .silent = scene->silent,
                          .faults = scene->faults,
                          .trace = trace};
        struct trial_result r;
        struct machine machine;

        while (t.n_faults < FAULTS_MAX && scene->faults[t.n_faults].at > 0)
                t.n_faults++;
        CHECK_INT(plant_machine(t.model, &machine), 0);
        t.machine = &machine;
        trial_run(&t, &r);
        if (r.least < 1)
                fail(scene, "budget of", r.least);
        if (scene->set_aside && r.ignored == 0)
                fail(scene, "nothing was set aside", 0);
        if (scene->keeps && r.chassis_steady > 0)
                fail(scene, "seconds above the chassis's trip", r.chassis_steady);
        if (scene->full && r.cut > 0)
                fail(scene, "seconds with less than all", r.cut);
        if (r.critical_steady > 0)
                fail(scene, "seconds above the die's limit", r.critical_steady);
        machine_finish(&machine);
}

/* sim-governor-faults [NUMBER]: all scenes, or every second of one. */
int main(int argc, char **argv)
{
        const unsigned n = sizeof(scenes) / sizeof(scenes[0]);

        if (argc > 1) {
                unsigned long number = strtoul(argv[1], NULL, 10);

                CHECK(number < n);
                play(&scenes[number], stdout);
                return failures > 0;
        }
        for (unsigned i = 0; i < n; i++)
                play(&scenes[i], NULL);
        return failures > 0;
}
