@echo off
rem Drops the database and lets the service build it anew.
setlocal
set sure=no
set file=

:next
if "%~1"=="" goto ask
if "%~1"=="--help" goto usage
if "%~1"=="-h" goto usage
if "%~1"=="--yes" (set sure=yes) else if not defined file (set "file=%~f1") else goto usage
shift
goto next

:ask
cd /d "%~dp0.." || exit /b 1
if not defined file goto confirm
if not exist "%file%" echo error: cannot read %file% 1>&2 & exit /b 1
:confirm
if %sure%==yes goto rebuild
set answer=
set /p "answer=This deletes all data. Type "rebuild" to go on: "
if not "%answer%"=="rebuild" echo Nothing was changed. 1>&2 & exit /b 1

:rebuild
docker compose stop api || exit /b 1
docker compose up --detach --wait postgres || exit /b 1
docker compose exec -T postgres psql --username=postgres --quiet --set=ON_ERROR_STOP=1 ^
    --command="DROP DATABASE IF EXISTS exact WITH (FORCE)" ^
    --command="CREATE DATABASE exact OWNER exact TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'" || exit /b 1
docker compose up --detach --wait || exit /b 1
if defined file call scripts\backup_and_restore.bat restore "%file%" || exit /b 1
docker compose exec -T api dotnet Exact.Api.dll status
exit /b

:usage
echo usage: scripts\rebuild_database.bat [--yes] [FILE]
echo.
echo DELETES ALL DATA of the deployment that docker-compose.yml describes, then migrates an empty database and,
echo if a backup FILE is given, imports it. Asks first, unless --yes is given.
if "%~1"=="--help" exit /b 0
if "%~1"=="-h" exit /b 0
exit /b 2
