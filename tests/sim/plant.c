#include "tests/sim/plant.h"

#include <math.h>

/* Leakage of current FinFET processes about doubles over 40 to 50 K, at the temperatures that matter here. */
#define LEAKAGE_SCALE      65.0 /* K in which it grows e-fold */
#define LEAKAGE_AT         60.0 /* °C */
#define GATED_SHARE        0.03 /* of its leakage that a core in C6 still has */
#define VOLTAGE_BEND       0.8  /* how much steeper the curve is at its top */
#define PROCHOT_ABOVE      2.0  /* K above the limit at which clipping has failed */
#define PROCHOT_HYSTERESIS 1.0  /* K below the limit at which the clock is given back: small, say the datasheets */
#define PROCHOT_DUTY       0.5  /* of the clock: TM1's default is near that (Intel SDM 14.8.2.1) */
#define FAN_LAG            8.0  /* s */
#define FAN_CHASSIS_RANGE  8.0  /* K below the chassis's trip from which on the fan follows the chassis as well */
#define EC_PERIOD_STEPS    50   /* 5 s */
#define EC_DOWN            2.0  /* W a period */
#define EC_UP              1.0
#define EC_HYSTERESIS      2.0 /* K */
#define OVER_PL1_SHARE     0.9 /* of PL1, while the mean is above it */
#define LEVEL_BISECTIONS   12  /* to 1 MHz */

void plant_init(struct plant *p, const struct plant_model *model)
{
        *p = (struct plant){
                .model = model,
                .chassis = model->ambient,
                .pl1 = model->pl1,
                .die_decay = exp(-PLANT_STEP / (model->die_capacity * model->die_resistance)),
        };
        for (unsigned i = 0; i < model->n_packages; i++) {
                p->packages[i].die = model->ambient;
                for (unsigned k = 0; k < model->n_kinds; k++)
                        p->packages[i].f[k] = model->kinds[k].f_min;
        }
}

void plant_load_of(const struct plant_model *model, const struct machine *machine, const struct cpuset *lent,
                   const struct cpuset *others, struct plant_load *ret_load)
{
        struct cpuset busy = cpuset_or(lent, others);
        unsigned siblings[CPUSET_MAX] = {0};

        *ret_load = (struct plant_load){0};
        for (unsigned i = 0; i < machine->n_pus; i++)
                if (cpuset_has(&busy, machine->pus[i].os))
                        siblings[machine->pus[i].core]++;
        for (unsigned i = 0; i < machine->n_pus; i++) {
                const struct machine_pu *pu = &machine->pus[i];
                unsigned n = siblings[pu->core];
                bool both = cpuset_has(lent, pu->os) && cpuset_has(others, pu->os);

                if (pu->smt_rank == 0)
                        ret_load->busy[pu->package][pu->kind][n]++;
                ret_load->waiting += both;
                if (!cpuset_has(lent, pu->os))
                        continue;
                ret_load->lent[pu->package][pu->kind]++;
                ret_load->work[pu->package][pu->kind] +=
                        model->kinds[pu->kind].speed * (1 + model->smt_gain * (n - 1)) / n / (both ? 2 : 1);
        }
}

double plant_voltage(const struct plant_kind *kind, double f)
{
        double u = (f - kind->f_knee) / (kind->f_one - kind->f_knee);

        if (u <= 0)
                return kind->v_min;
        return kind->v_min + (kind->v_max - kind->v_min) * u * (1 + VOLTAGE_BEND * u) / (1 + VOLTAGE_BEND);
}

static unsigned busy_cores(const struct plant_load *load, unsigned package, unsigned kind)
{
        return load->busy[package][kind][1] + load->busy[package][kind][2];
}

static double frequency_at(const struct plant_kind *kind, unsigned busy, double level)
{
        double alone = kind->cores > 1 && busy > 0 ? (double)(kind->cores - busy) / (kind->cores - 1) : 1;
        double top = kind->f_all + (kind->f_one - kind->f_all) * fmin(alone, 1);

        return kind->f_min + level * (top - kind->f_min);
}

static double leakage_factor(double die)
{
        return exp((die - LEAKAGE_AT) / LEAKAGE_SCALE);
}

/* `duty`: of the clock. */
static double power_at(const struct plant_model *model, const struct plant_load *load, unsigned package, double level,
                       double duty, double leakage)
{
        double cores = 0;

        for (unsigned k = 0; k < model->n_kinds; k++) {
                const struct plant_kind *kind = &model->kinds[k];
                const unsigned *busy = load->busy[package][k];
                double f = frequency_at(kind, busy_cores(load, package, k), level);
                double v = plant_voltage(kind, f);
                double switched = busy[1] * kind->capacitance + busy[2] * kind->capacitance_both;

                cores += switched * v * v * f * duty;
                cores += (busy[1] + busy[2]) * kind->leakage * v * leakage;
                cores += busy[0] * kind->leakage * kind->v_min * GATED_SHARE * leakage;
        }
        return model->idle_power + cores * (1 + model->uncore_share);
}

double plant_power(const struct plant_model *model, const struct plant_load *load, unsigned package, double level,
                   double die)
{
        return power_at(model, load, package, level, 1, leakage_factor(die));
}

/* The highest level at which a package takes no more than `watts`. */
static double level_within(const struct plant_model *model, const struct plant_load *load, unsigned package,
                           double watts, double leakage)
{
        double low = 0, high = 1;

        if (power_at(model, load, package, 1, 1, leakage) <= watts)
                return 1;
        for (unsigned i = 0; i < LEVEL_BISECTIONS; i++) {
                double middle = (low + high) / 2;

                if (power_at(model, load, package, middle, 1, leakage) <= watts)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

static double surroundings(const struct plant *p, unsigned package)
{
        return p->chassis + (package > 0 ? p->model->preheat * p->packages[package - 1].power : 0);
}

/* The power at which the mean reaches PL1 at the end of this step, and no more than PL2. A mean above PL1, which the EC
 * has just lowered, is brought down at a little less than PL1 and not by a standstill. */
static double electric_limit(const struct plant *p, const struct plant_package *package)
{
        const struct plant_model *model = p->model;
        double limit = model->pl2 > 0 ? model->pl2 : HUGE_VAL;

        if (p->pl1 > 0)
                limit = fmin(limit, package->average + (p->pl1 - package->average) * model->window / PLANT_STEP);
        return fmax(limit, p->pl1 * OVER_PL1_SHARE);
}

/* The power at which the die reaches its limit at the end of this step. */
static double thermal_limit(const struct plant *p, const struct plant_package *package, double around)
{
        double rise = (p->model->die_limit - around - (package->die - around) * p->die_decay) / (1 - p->die_decay);

        return rise / p->model->die_resistance;
}

static void note_throttling(struct plant_package *package, bool throttled)
{
        if (throttled) {
                package->throttled += PLANT_STEP;
                package->throttle_events += !package->clipped;
        }
        package->clipped = throttled;
}

static void step_prochot(const struct plant_model *model, struct plant_package *package)
{
        if (package->die > model->die_limit + PROCHOT_ABOVE)
                package->prochot = true;
        else if (package->die < model->die_limit - PROCHOT_HYSTERESIS)
                package->prochot = false;
}

/* Returns the work done. */
static double step_package(struct plant *p, const struct plant_load *load, unsigned index)
{
        const struct plant_model *model = p->model;
        struct plant_package *package = &p->packages[index];
        double around = surroundings(p, index), leakage = leakage_factor(package->die);
        double electric = electric_limit(p, package), thermal = thermal_limit(p, package, around);
        double level = level_within(model, load, index, fmin(electric, thermal), leakage);
        double duty, work = 0, equilibrium;

        step_prochot(model, package);
        duty = package->prochot ? PROCHOT_DUTY : 1;
        level = package->prochot ? 0 : level;
        package->power = power_at(model, load, index, level, duty, leakage);
        note_throttling(package, package->prochot || (level < 1 && thermal < electric));

        for (unsigned k = 0; k < model->n_kinds; k++) {
                package->f[k] = frequency_at(&model->kinds[k], busy_cores(load, index, k), level) * duty;
                work += load->work[index][k] * package->f[k] / model->kinds[k].f_one;
        }
        package->energy += package->power * PLANT_STEP;
        if (model->window > 0)
                package->average += (package->power - package->average) * PLANT_STEP / model->window;
        equilibrium = around + package->power * model->die_resistance;
        package->die = equilibrium + (package->die - equilibrium) * p->die_decay;
        return work * PLANT_STEP;
}

static void step_fan(struct plant *p)
{
        double hottest = 0, target;

        for (unsigned i = 0; i < p->model->n_packages; i++)
                hottest = fmax(hottest, p->packages[i].die);
        target = (hottest - p->model->fan_from) / (p->model->fan_to - p->model->fan_from);
        target = fmax(target, 1 - (p->model->chassis_trip - p->chassis) / FAN_CHASSIS_RANGE);
        target = fmin(fmax(target, 0), 1);
        p->fan += (target - p->fan) * PLANT_STEP / FAN_LAG;
}

/* Heat comes from the dies as far as they are warmer, so that none is made or lost in between. */
static void step_chassis(struct plant *p, const double *dies_before)
{
        const struct plant_model *model = p->model;
        double heat = model->other_power;

        for (unsigned i = 0; i < model->n_packages; i++) {
                double stored = model->die_capacity * (p->packages[i].die - dies_before[i]);

                heat += p->packages[i].power - stored / PLANT_STEP;
        }
        heat -= (p->chassis - model->ambient) * (model->still + (model->blown - model->still) * p->fan);
        p->chassis += heat * PLANT_STEP / model->chassis_capacity;
}

static void step_controller(struct plant *p)
{
        const struct plant_model *model = p->model;

        if (model->ec_floor <= 0 || p->steps % EC_PERIOD_STEPS != 0)
                return;
        if (p->chassis > model->chassis_trip)
                p->pl1 = fmax(p->pl1 - EC_DOWN, model->ec_floor);
        else if (p->chassis < model->chassis_trip - EC_HYSTERESIS)
                p->pl1 = fmin(p->pl1 + EC_UP, model->pl1);
}

double plant_step(struct plant *p, const struct plant_load *load)
{
        double work = 0, dies[PLANT_PACKAGES];

        for (unsigned i = 0; i < p->model->n_packages; i++) {
                dies[i] = p->packages[i].die;
                work += step_package(p, load, i);
        }
        step_fan(p);
        step_chassis(p, dies);
        step_controller(p);
        p->steps++;
        return work;
}
