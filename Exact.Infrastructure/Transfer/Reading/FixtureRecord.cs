using System.Text;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Wire;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>One record of a fixture, checked, and as a row to stage. The same object takes record after record.</summary>
internal sealed class FixtureRecord
{
    /// <summary>How many names of ignored fields and unknown models are kept apart.</summary>
    public const int MaxNames = 100;

    /// <summary>The name under which the rest is counted.</summary>
    public const string Others = "(others)";

    private (int At, FilePlace Place) counted;

    /// <summary>
    /// Which record of the file it is, counted from 0; the reader sets it, and the two below, before it parses.
    /// </summary>
    public long Number { get; set; }

    public FilePlace Place { get; set; }

    /// <summary>How the file is encoded; null if it is UTF-8.</summary>
    public Encoding? Encoding { get; set; }

    /// <summary>Null when the record is not carried, or is so wrong that its table is unknown.</summary>
    public FixtureTable? Table { get; set; }

    /// <summary>The label of a record that is not carried.</summary>
    public string? Label { get; set; }

    /// <summary>Null when the record has none: then its natural key may find the row, or else a new row is made.</summary>
    public long? Key { get; set; }

    /// <summary>The fields that the record has, one bit each in the order of the table.</summary>
    public long Present { get; set; }

    /// <summary>The row as <see cref="StagedLayout"/> says; complete only without <see cref="Problems"/>.</summary>
    public CopyRow Row { get; } = new();

    /// <summary>The keys in the many-to-many field.</summary>
    public List<FixtureReference> Memberships { get; } = [];

    /// <summary>How many of its times have no zone.</summary>
    public int NaiveTimes { get; set; }

    /// <summary>Its password hash is of a kind that Exact cannot verify, so that its user must set a new password.</summary>
    public bool MustSetPassword { get; set; }

    /// <summary>Values that have no place in Exact.</summary>
    public List<(string Field, int Count)> Ignored { get; } = [];

    /// <summary>What is wrong with it: the first <see cref="FixtureErrors.Limit"/> problems.</summary>
    public List<FixtureError> Problems { get; } = [];

    /// <summary>How many problems there are beyond these.</summary>
    public int MoreProblems { get; private set; }

    public bool Has(FixtureField field) => (Present & (1L << field.Index)) != 0;

    /// <summary>Forgets the record before.</summary>
    public void Begin()
    {
        Table = null;
        Label = null;
        Key = null;
        MustSetPassword = false;
        counted = (0, Place);
        ForgetFields();
    }

    /// <summary>Forgets all that the fields said.</summary>
    public void ForgetFields()
    {
        Present = 0;
        NaiveTimes = 0;
        Memberships.Clear();
        Ignored.Clear();
        Problems.Clear();
        MoreProblems = 0;
    }

    /// <summary>Forgets what was wrong with a field that came before under the same name.</summary>
    public void Forgive(string field) => Problems.RemoveAll(problem => problem.Field == field);

    /// <summary>Counts values of a field that has no place in Exact.</summary>
    /// <param name="field">Its name; null when there are too many to keep them apart.</param>
    /// <param name="count">How many values it holds.</param>
    public void Ignore(string? field, int count)
    {
        if (count == 0)
        {
            return;
        }

        if (field is not null)
        {
            Ignored.Add(($"{Table!.Label}.{FixtureError.Shorten(field)}", count));
        }
        else
        {
            Ignored[^1] = (Others, Ignored[^1].Count + count);
        }
    }

    /// <summary>Adds a problem.</summary>
    /// <param name="text">The text of the record.</param>
    /// <param name="at">Where in it the value is.</param>
    /// <param name="problem">What is wrong.</param>
    /// <param name="field">The field's name; null when the record as a whole is wrong.</param>
    /// <param name="isKey">It is the record's <c>pk</c>, which does not stand among the fields.</param>
    public void Refuse(
        ReadOnlySpan<byte> text,
        int at,
        FixtureProblem problem,
        string? field = null,
        bool isKey = false
    )
    {
        if (Problems.Count >= FixtureErrors.Limit)
        {
            MoreProblems++;
            return;
        }

        Problems.Add(
            new FixtureError(
                problem.Code,
                problem.Detail,
                Number,
                isKey ? FixtureError.PointerToKey(Number) : FixtureError.PointerTo(Number, field),
                PlaceOf(text, at),
                Table?.Label ?? Label,
                Key,
                field is null ? null : FixtureError.Shorten(field)
            )
        );
    }

    /// <summary>Goes on from where it was asked last, for there may be many problems in a long record.</summary>
    private FilePlace PlaceOf(ReadOnlySpan<byte> text, int at)
    {
        var (from, place) = at >= counted.At ? counted : (0, Place);
        counted = (at, place.After(text[from..at], Encoding));
        return counted.Place;
    }
}
