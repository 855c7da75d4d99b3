@echo off
rem Brings the schema of the running deployment up to date. Safe at any time: it deletes nothing.
rem Git for Windows brings the shell that runs the script, so both systems have one and the same.
set "EXACT_FROM=%CD%"
git -C "%~dp0." -c "alias.run-script=!./rebuild_database.sh" run-script -- %*
