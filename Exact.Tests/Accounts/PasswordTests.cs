using System.Diagnostics;
using System.Security.Cryptography;
using Exact.Infrastructure.Accounts;
using Microsoft.AspNetCore.Identity;

namespace Exact.Tests.Accounts;

/// <summary>Django's passwords are accepted, and weak hashes replaced.</summary>
public sealed class PasswordTests
{
    // Django: get_hasher("pbkdf2_sha256").encode(password, salt, iterations), or make_password(password); in short, Python's
    // base64.b64encode(hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations))
    private const string CorrectHorse = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";

    private readonly IPasswordHasher<User> hasher = new PasswordHashes();
    private readonly User user = new();

    [Theory]
    [InlineData("correct horse", CorrectHorse)]
    [InlineData("pässwörd 🎯", "pbkdf2_sha256$260000$abcDEF123456$GBhjzAFO8ERUWVWb12ws5i8ZNLDA5VhOmf3wLQYcq7I=")]
    [InlineData("correct horse", "pbkdf2_sha256$7$säält$Y1yo08o9jLHgpiryPAgVQ9W23DFQt8KXoBmBTIE0EXo=")]
    [InlineData("correct horse", "pbkdf2_sha1$1000$seasalt$iQvkNOF1wEL4Khh8eogJ8rUhipM=")]
    [InlineData("pässwörd 🎯", "pbkdf2_sha1$260000$jN6UBDAXL8ube0ZdkVLUAS$0USTUuCJ8nEQtjv+r6bl/hWoukc=")]
    [InlineData("", "pbkdf2_sha256$1000$salt$lPtWrz6iLl0+0bBUCFsTbKMBt12LQGyALEiUefJzh8Y=")]
    public void A_Django_password_is_right_and_asks_for_a_new_hash(string password, string hash)
    {
        Assert.Equal(PasswordVerificationResult.SuccessRehashNeeded, hasher.VerifyHashedPassword(user, hash, password));
        Assert.Equal(PasswordVerificationResult.Failed, hasher.VerifyHashedPassword(user, hash, $"{password}!"));
        Assert.True(PasswordHashes.CanBeVerified(hash));
    }

    [Fact]
    public void A_SHA1_hash_of_many_iterations_asks_for_a_new_hash()
    {
        var digest = Rfc2898DeriveBytes.Pbkdf2("correct horse"u8, "seasalt"u8, 600_000, HashAlgorithmName.SHA1, 20);
        var hash = $"pbkdf2_sha1$600000$seasalt${Convert.ToBase64String(digest)}";

        Assert.Equal(
            PasswordVerificationResult.SuccessRehashNeeded,
            hasher.VerifyHashedPassword(user, hash, "correct horse")
        );
    }

    [Fact]
    public void The_new_hash_has_the_format_of_Django_and_is_right()
    {
        var hash = hasher.HashPassword(user, "correct horse");

        Assert.Matches(@"^pbkdf2_sha256\$600000\$[0-9A-Za-z]{22}\$[0-9A-Za-z+/]{43}=$", hash);
        Assert.InRange(hash.Length, 1, 128);
        Assert.NotEqual(hash, hasher.HashPassword(user, "correct horse"));
        Assert.Equal(PasswordVerificationResult.Success, hasher.VerifyHashedPassword(user, hash, "correct horse"));
        Assert.Equal(PasswordVerificationResult.Failed, hasher.VerifyHashedPassword(user, hash, "correct house"));
    }

    [Fact]
    public void An_Identity_password_is_right_and_asks_for_a_new_hash()
    {
        var hash = new PasswordHasher<User>().HashPassword(user, "correct horse");

        Assert.Equal(
            PasswordVerificationResult.SuccessRehashNeeded,
            hasher.VerifyHashedPassword(user, hash, "correct horse")
        );
        Assert.Equal(PasswordVerificationResult.Failed, hasher.VerifyHashedPassword(user, hash, "correct house"));
    }

    [Fact]
    public void A_hash_of_a_later_Django_stays()
    {
        var digest = Rfc2898DeriveBytes.Pbkdf2("correct horse"u8, "seasalt"u8, 600_001, HashAlgorithmName.SHA256, 32);
        var hash = $"pbkdf2_sha256$600001$seasalt${Convert.ToBase64String(digest)}";

        Assert.Equal(PasswordVerificationResult.Success, hasher.VerifyHashedPassword(user, hash, "correct horse"));
        Assert.Equal(600_001, PasswordHashes.CostOf(hash));
    }

    [Theory]
    [InlineData("")]
    [InlineData("!")]
    [InlineData("!kJ3hGq1XTbG4yqU0Xo0Z5rG0Yk5Jw0aVb0aWcVXd")] // Django: this account has no password
    [InlineData("plain text")]
    [InlineData("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA")]
    [InlineData("pbkdf2_sha1$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=")] // the digest of SHA-256
    [InlineData("pbkdf2_sha256$1000$seasalt")]
    [InlineData("pbkdf2_sha256$1000$seasalt$not base64")]
    [InlineData("pbkdf2_sha256$1000$seasalt$AAAA")]
    [InlineData("pbkdf2_sha256$$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=")]
    [InlineData("pbkdf2_sha256$0$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=")]
    [InlineData("pbkdf2_sha256$-1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=")]
    [InlineData("pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=$")]
    public void An_invalid_hash_is_wrong_and_no_fault(string hash) =>
        Assert.Equal(PasswordVerificationResult.Failed, hasher.VerifyHashedPassword(user, hash, "correct horse"));

    [Theory]
    [InlineData("10000001")]
    [InlineData("2147483647")]
    [InlineData("99999999999999999999")]
    public void A_hash_that_would_take_minutes_is_refused_at_once(string iterations)
    {
        var started = Stopwatch.GetTimestamp();
        var hash = CorrectHorse.Replace("1000", iterations);

        Assert.Equal(PasswordVerificationResult.Failed, hasher.VerifyHashedPassword(user, hash, "correct horse"));
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void An_Identity_hash_that_would_take_minutes_is_refused_at_once()
    {
        var hash = Convert.FromBase64String(new PasswordHasher<User>().HashPassword(user, "correct horse"));
        hash.AsSpan(5, 4).Fill(0x7F);

        Assert.Equal(
            PasswordVerificationResult.Failed,
            hasher.VerifyHashedPassword(user, Convert.ToBase64String(hash), "correct horse")
        );
    }
}
