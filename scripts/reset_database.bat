@echo off
rem Throws the database away and builds a new one, and fills it if a backup is given.
rem Git for Windows brings the shell that runs the script, so both systems have one and the same.
set "EXACT_FROM=%CD%"
git -C "%~dp0.." -c "alias.run-script=!./scripts/reset_database.sh" run-script -- %*
