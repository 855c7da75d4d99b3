@echo off
rem Deploys the latest version.
rem Git for Windows brings the shell, so Windows runs the same script.
set "EXACT_FROM=%CD%"
git -C "%~dp0." -c "alias.run-script=!./deploy.sh" run-script -- %*
