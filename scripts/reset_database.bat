@echo off
rem Deletes all data, builds a new database, and fills it from a backup if one is named.
rem Git for Windows brings the shell, so Windows runs the same script.
set "EXACT_FROM=%CD%"
git -C "%~dp0.." -c "alias.run-script=!./scripts/reset_database.sh" run-script -- %*
