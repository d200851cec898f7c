"""Formats that compare two responses, each in its own words: HelpSteer, arena and label tools."""
