/* A power adapter, a battery and a thermal zone, whose values are bytes of the CMOS that the guest's tests write through
 * /dev/port: temperature in degrees Celsius, adapter (0 or 1), charge in percent, state (1 discharging, 2 charging). */
DefinitionBlock ("", "SSDT", 2, "SCHEDD", "SENSORS", 1)
{
    Scope (\_SB)
    {
        OperationRegion (CMOS, SystemIO, 0x70, 2)
        Field (CMOS, ByteAcc, NoLock, Preserve) { INDX, 8, DATA, 8 }
        IndexField (INDX, DATA, ByteAcc, NoLock, Preserve)
        {
            Offset (0x60),
            TEMP, 8, LINE, 8, CHRG, 8, STAT, 8
        }
        Device (AC0)
        {
            Name (_HID, "ACPI0003")
            Name (_UID, 1)
            Name (_PCL, Package () { \_SB })
            Method (_PSR, 0) { Return (LINE) }
        }
        Device (BAT0)
        {
            Name (_HID, EisaId ("PNP0C0A"))
            Name (_UID, 1)
            Name (_PCL, Package () { \_SB })
            Method (_STA, 0) { Return (0x1F) }
            Name (_BIF, Package () { 1, 5000, 5000, 1, 12000, 500, 200, 1, 1, "MADE", "1", "LION", "SCHEDD" })
            Method (_BST, 0)
            {
                Local0 = Package () { 0, 0, 0, 12000 }
                Local0 [0] = STAT
                Local0 [1] = 500
                Local0 [2] = CHRG * 50
                Return (Local0)
            }
        }
    }
    Scope (\_TZ)
    {
        ThermalZone (TZ0)
        {
            // In tenths of a Kelvin.
            Method (_TMP, 0) { Return (2732 + \_SB.TEMP * 10) }
            Method (_CRT, 0) { Return (2732 + 1200) }
            Method (_PSV, 0) { Return (2732 + 950) }
            Name (_PSL, Package () {})
            Name (_TC1, 1)
            Name (_TC2, 1)
            Name (_TSP, 20)
            Name (_TZP, 0)
        }
    }
}
