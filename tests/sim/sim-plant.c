/* The plant by itself: what physics and the hardware's limits demand of it, and what its parameters were fitted to. */
#include "core/placement.h"
#include "tests/sim/plant-models.h"
#include "tests/sim/plant-sensors.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <math.h>

#define CHECK_BETWEEN(actual, low, high)                                                                               \
        do {                                                                                                           \
                double a_ = (actual), l_ = (low), h_ = (high);                                                         \
                if (!(a_ >= l_ && a_ <= h_)) {                                                                         \
                        fprintf(stderr, "%s:%d: %s is %.6g, not within %.6g to %.6g\n", __FILE__, __LINE__, #actual,   \
                                a_, l_, h_);                                                                           \
                        exit(1);                                                                                       \
                }                                                                                                      \
        } while (0)

enum {
        EQUILIBRIUM = 7200, /* s */
};

/* The first `n` PUs of the order of lending busy; 0: all. */
static struct plant_load load_of(const struct plant_model *model, unsigned n)
{
        static struct placement_choice order[CPUSET_MAX];
        struct cpuset lent = {0}, none = {0}, all;
        struct machine machine;
        struct plant_load load;

        CHECK_INT(plant_machine(model, &machine), 0);
        all = machine_cpuset(&machine);
        CHECK_INT(placement_order(&machine, NULL, &all, order), machine.n_pus);
        for (unsigned i = 0; i < (n > 0 ? n : machine.n_pus); i++)
                cpuset_add(&lent, order[i].pu);
        plant_load_of(model, &machine, &lent, &none, &load);
        machine_finish(&machine);
        return load;
}

static double run(struct plant *p, const struct plant_load *load, double seconds)
{
        double work = 0;

        for (unsigned i = 0; i < seconds * PLANT_STEPS_A_SECOND; i++)
                work += plant_step(p, load);
        return work;
}

static double conductance(const struct plant *p)
{
        return p->model->still + (p->model->blown - p->model->still) * p->fan;
}

/* What went in is in the dies, in the chassis or in the room. */
static void test_energy_balance(const struct plant_model *model)
{
        struct plant_load load = load_of(model, 0);
        double in = 0, out = 0, stored;
        struct plant p;

        plant_init(&p, model);
        for (unsigned i = 0; i < 1000 * PLANT_STEPS_A_SECOND; i++) {
                double chassis = p.chassis;

                plant_step(&p, &load);
                out += (chassis - model->ambient) * conductance(&p) * PLANT_STEP;
        }
        in = p.steps * PLANT_STEP * model->other_power;
        stored = model->chassis_capacity * (p.chassis - model->ambient);
        for (unsigned i = 0; i < model->n_packages; i++) {
                in += p.packages[i].energy;
                stored += model->die_capacity * (p.packages[i].die - model->ambient);
        }
        CHECK_BETWEEN((out + stored) / in, 1 - 1e-6, 1 + 1e-6);
}

/* Where temperatures come to rest they are what the resistances make of the power. */
static void test_equilibrium(const struct plant_model *model)
{
        struct plant_load load = load_of(model, 1);
        double power = 0, before = 0;
        struct plant p;

        plant_init(&p, model);
        run(&p, &load, EQUILIBRIUM);
        for (unsigned i = 0; i < model->n_packages; i++) {
                double around = p.chassis + model->preheat * before;

                before = p.packages[i].power;
                power += before;
                CHECK_BETWEEN(p.packages[i].die - around - before * model->die_resistance, -0.01, 0.01);
        }
        CHECK_BETWEEN((power + model->other_power) / (conductance(&p) * (p.chassis - model->ambient)), 0.999, 1.001);
}

/* The mean over RAPL's window is what PL1 allows, after a start above it up to PL2; by the meter as well. */
static void test_power_limits(const struct plant_model *model)
{
        struct plant_load load = load_of(model, 0);
        struct plant_model no_heat = *model;
        double highest = 0, joules;
        struct plant p;

        no_heat.ambient = -500; /* so that heat limits nothing */
        no_heat.chassis_trip = HUGE_VAL;
        plant_init(&p, &no_heat);
        for (unsigned i = 0; i < 600 * PLANT_STEPS_A_SECOND; i++) {
                plant_step(&p, &load);
                highest = fmax(highest, p.packages[0].power);
                CHECK(p.packages[0].average <= model->pl1 * (1 + 1e-9));
        }
        CHECK_BETWEEN(highest, 0.999 * model->pl1, model->pl2 * (1 + 1e-9));
        joules = p.packages[0].energy;
        run(&p, &load, 300);
        CHECK_BETWEEN((p.packages[0].energy - joules) / 300, 0.97 * model->pl1, model->pl1 * (1 + 1e-9));
}

/* A lower PL1 is kept after a few windows, without a standstill on the way. */
static void test_lowered_limit(const struct plant_model *model)
{
        struct plant_load load = load_of(model, 0);
        struct plant p;

        plant_init(&p, model);
        run(&p, &load, 120);
        p.pl1 = model->pl1 / 2;
        for (unsigned i = 0; i < 1200; i++)
                CHECK(plant_step(&p, &load) > 0 && p.packages[0].power > 0.4 * model->pl1);
        CHECK(p.packages[0].average <= p.pl1 * 1.02);
}

/* All PUs for a long time: never above the limit by more than PROCHOT allows, and at it where that is so by design. */
static void test_die_limit(const struct plant_model *model)
{
        struct plant_load load = load_of(model, 0);
        double hottest = 0;
        struct plant p;

        plant_init(&p, model);
        for (unsigned i = 0; i < EQUILIBRIUM * PLANT_STEPS_A_SECOND; i++) {
                plant_step(&p, &load);
                for (unsigned k = 0; k < model->n_packages; k++)
                        hottest = fmax(hottest, p.packages[k].die);
        }
        CHECK(hottest <= model->die_limit + 3);
        if (model->by_design) {
                CHECK_BETWEEN(hottest, model->die_limit - 0.1, model->die_limit + 0.1);
                CHECK(p.packages[0].throttled > EQUILIBRIUM / 2);
                CHECK(p.packages[0].f[0] > model->kinds[0].f_base);
        }
}

/* More busy PUs never do less work at the same level, take more power, and run no faster. */
static void test_power_model(const struct plant_model *model)
{
        struct plant_load one = load_of(model, 1), all = load_of(model, 0);
        double before = 0;

        for (double level = 0; level <= 1; level += 0.125) {
                double power = plant_power(model, &all, 0, level, 60);

                CHECK(power > before && power > plant_power(model, &one, 0, level, 60));
                CHECK(plant_power(model, &all, 0, level, 90) > power);
                before = power;
        }
        for (unsigned k = 0; k < model->n_kinds; k++)
                CHECK_BETWEEN(plant_voltage(&model->kinds[k], model->kinds[k].f_one), model->kinds[k].v_max - 1e-9,
                              model->kinds[k].v_max + 1e-9);
}

/* The chassis passes its trip, the EC lowers PL1, and the chassis stays about there. */
static void test_embedded_controller(void)
{
        struct plant_model model = *plant_find("laptop");
        struct plant_load load = load_of(&model, 0);
        struct plant p;

        model.ambient = 28;
        plant_init(&p, &model);
        run(&p, &load, 1800);
        for (unsigned i = 0; i < 1200 * PLANT_STEPS_A_SECOND; i++) {
                plant_step(&p, &load);
                CHECK_BETWEEN(p.chassis, model.chassis_trip - 4, model.chassis_trip + 1);
        }
        CHECK_BETWEEN(p.pl1, model.ec_floor, model.pl1 - 1);
}

/* Too hot even at the lowest frequency: PROCHOT comes and goes. */
static void test_prochot(void)
{
        struct plant_model model = *plant_find("tower-pump");
        struct plant_load load = load_of(&model, 0);
        struct plant p;
        unsigned on = 0;

        model.blown = model.still;
        plant_init(&p, &model);
        for (unsigned i = 0; i < EQUILIBRIUM * PLANT_STEPS_A_SECOND; i++) {
                plant_step(&p, &load);
                on += p.packages[0].prochot;
        }
        CHECK(on > 0 && on < p.steps);
}

/* What the parameters were fitted to: power and frequency that were measured on such machines. */
static void test_fits(void)
{
        const struct plant_model *model = plant_find("laptop");
        struct plant_load one = load_of(model, 1), all = load_of(model, 0);
        struct plant p;

        CHECK_BETWEEN(plant_power(model, &one, 0, 1, 70), 18, 25);
        plant_init(&p, model);
        run(&p, &all, 90);
        CHECK_BETWEEN(p.packages[0].power, 27, 28.1);
        CHECK_BETWEEN(p.packages[0].f[0], 1.8, 2.3);

        model = plant_find("tower");
        all = load_of(model, 0);
        CHECK_BETWEEN(plant_power(model, &all, 0, 1, 95), 310, 350);
        plant_init(&p, model);
        run(&p, &all, 1200);
        CHECK_BETWEEN(p.packages[0].power, 235, 253);
        CHECK_BETWEEN(p.packages[0].f[0], 4.7, 5.2);

        model = plant_find("tower-16");
        all = load_of(model, 0);
        plant_init(&p, model);
        run(&p, &all, 1200);
        CHECK_BETWEEN(p.packages[0].power, 205, 230);
        CHECK_BETWEEN(p.packages[0].f[0], 4.9, 5.2);

        model = plant_find("tower-dusty");
        all = load_of(model, 0);
        CHECK_BETWEEN(plant_power(model, &all, 0, 1, 80), 150, 190);

        model = plant_find("server");
        all = load_of(model, 32);
        plant_init(&p, model);
        run(&p, &all, 1200);
        CHECK_BETWEEN(p.packages[0].f[0], 2.4, 2.7);
}

/* A neighbour on a free PU costs turbo and heat only, on a lent one half of that PU's work. */
static void test_neighbour(void)
{
        const struct plant_model *model = plant_find("tower-16");
        struct cpuset lent = {0}, others = {0};
        struct machine machine;
        struct plant_load load;

        CHECK_INT(plant_machine(model, &machine), 0);
        cpuset_add(&lent, 0);
        cpuset_add(&others, 1);
        plant_load_of(model, &machine, &lent, &others, &load);
        CHECK(load.work[0][0] == 1 && load.waiting == 0 && load.busy[0][0][1] == 2);
        cpuset_add(&others, 0);
        plant_load_of(model, &machine, &lent, &others, &load);
        CHECK(load.work[0][0] == 0.5 && load.waiting == 1 && load.lent[0][0] == 1);
        cpuset_add(&lent, 16); /* the sibling of the first */
        plant_load_of(model, &machine, &lent, &(struct cpuset){0}, &load);
        CHECK_BETWEEN(load.work[0][0], 1.28 - 1e-9, 1.28 + 1e-9);
        CHECK(load.busy[0][0][2] == 1);
        machine_finish(&machine);
}

/* Sensors say about what is so, and what they are told to when broken. */
static void test_sensors(void)
{
        const struct plant_model *model = plant_find("laptop");
        struct plant_load load = load_of(model, 0);
        struct plant_sensors s;
        int64_t last;
        struct plant p;

        plant_init(&p, model);
        plant_sensors_init(&s, &p, 1);
        for (unsigned second = 1; second <= 600; second++) {
                run(&p, &load, 1);
                plant_sensors_read(&s, &p, &load, second * UINT64_C(1000000), false);
        }
        CHECK_INT(s.readings.n_zones, 4);
        CHECK_BETWEEN((double)s.readings.zones[0].millicelsius / 1000, p.packages[0].die - 5, p.packages[0].die + 3);
        CHECK_INT(s.readings.zones[0].millicelsius % 1000, 0);
        CHECK_BETWEEN((double)s.readings.zones[2].millicelsius / 1000, p.chassis - 2.5, p.chassis + 1);
        CHECK_INT(s.readings.packages[0].n_measured, 20);
        CHECK_INT(s.readings.packages[0].throttled_ms, (long long)(p.packages[0].throttled * 1000));

        last = s.readings.zones[2].millicelsius;
        CHECK_INT(plant_sensors_break(&s, "TSKN", PLANT_STUCK), 1);
        CHECK_INT(plant_sensors_break(&s, "coretemp", PLANT_VANISHED), 1);
        plant_init(&p, model);
        plant_sensors_read(&s, &p, &load, UINT64_C(601000000), true);
        CHECK_INT(s.readings.zones[2].millicelsius, last);
        CHECK_INT(s.readings.zones[0].error, -ENOENT);
        CHECK_INT(plant_sensors_break(&s, "nothing", PLANT_STUCK), 0);
}

int main(void)
{
        for (unsigned i = 0; i < n_plant_models; i++) {
                const struct plant_model *model = &plant_models[i];

                test_energy_balance(model);
                test_equilibrium(model);
                test_die_limit(model);
                test_power_model(model);
                if (model->pl1 > 0) {
                        test_power_limits(model);
                        test_lowered_limit(model);
                }
        }
        test_embedded_controller();
        test_prochot();
        test_fits();
        test_neighbour();
        test_sensors();
        return 0;
}
