@echo off
rem Writes all data to a file, or loads a file.
rem Git for Windows brings the shell that runs the script, so both systems have one and the same.
set "EXACT_FROM=%CD%"
git -C "%~dp0." -c "alias.run-script=!./backup_and_restore.sh" run-script -- %*
