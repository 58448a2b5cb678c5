"""What the programs under scripts/ share: places, tools, children, stamps, tables. No program lives here."""
