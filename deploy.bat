@echo off
rem Puts the latest version in place of what runs.
rem Git for Windows brings the shell that runs the script, so both systems have one and the same.
set "EXACT_FROM=%CD%"
git -C "%~dp0." -c "alias.run-script=!./deploy.sh" run-script -- %*
