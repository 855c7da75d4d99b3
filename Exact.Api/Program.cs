using Exact.Api;
using Exact.Api.Access;
using Exact.Api.Challenges;
using Exact.Api.Commands;
using Exact.Api.Migrations;
using Exact.Api.Operations;
using Exact.Api.Scores;
using Exact.Api.Startup;
using Exact.Api.Transfers;
using Exact.Infrastructure;

// Settings are read once. Watching their files would also watch every write of the embedded PostgreSQL below.
var builder = WebApplication.CreateBuilder(["--hostBuilder:reloadConfigOnChange=false", .. args]);
builder.AddDiagnostics();
builder.AddAdminAccess();
builder.Services.AddExactInfrastructure();
builder.Services.AddProblems();
builder.Services.AddApiDocument();
builder.Services.AddChallenges();
builder.Services.AddScores();
builder.Services.AddTransfers();
builder.Services.AddOperations();
builder.AddMigrationAtStart();

await using var app = builder.Build();
app.UseProblems();
app.UseAuthentication();
app.UseAuthorization();
app.UseReadinessGate();
app.MapHealth();
app.MapApiDocument();
app.MapChallenges();
app.MapScores();
app.MapMigrations();
app.MapTransfers();
app.MapOperations();
return await app.RunCommandAsync(args); // no command: serve HTTP
