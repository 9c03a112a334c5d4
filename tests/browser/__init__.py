"""Tests that look at the widget as a user does: in JupyterLab and Notebook 7, in Chromium.

A package, so that its conftest.py does not take the name of the one above.
"""
