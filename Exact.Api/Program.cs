using Exact.Api;
using Exact.Api.Admin;
using Exact.Api.Challenges;
using Exact.Api.Commands;
using Exact.Api.Scores;
using Exact.Api.Startup;
using Exact.Infrastructure;

// Settings are read once. To watch their files means to watch all folders below, and so every write of the embedded PostgreSQL.
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
