//! Why a call is refused. Codes are numbered for ever.

crate::refusals! {
    /// Why a call is refused.
    pub enum Error {
        OrganizationExists = 1, "ORGANIZATION_EXISTS",
            "组织编号已被占用。请换用其他编号，或核对是否已登记。",
            "The organization id is taken. Choose another, or check whether you are registered already.";
        CodeTaken = 2, "CODE_TAKEN",
            "该统一社会信用代码已属于另一在册组织。请核对代码。",
            "The unified social credit code belongs to another live organization. Check the code.";
        AccountBound = 3, "ACCOUNT_BOUND",
            "该账户已代表某组织。请使用未绑定的密钥。",
            "The account already acts for an organization. Use a key that is bound to none.";
        KeyBound = 4, "KEY_BOUND",
            "该密钥已绑定某账户，密钥不得转手。请生成新密钥。",
            "The key is bound to an account already, and keys never change hands. Make a new key.";
        NotFound = 5, "NOT_FOUND",
            "没有此组织。请核对组织编号。",
            "There is no such organization. Check the id.";
        NotAllowed = 6, "NOT_ALLOWED",
            "签名者的组织没有作出该决定的职权。",
            "The signer's organization has no authority for this act.";
        SelfReview = 7, "SELF_REVIEW",
            "不得审查、授权或处分本组织。须由另一有权组织办理。",
            "Nobody decides about its own organization. Another lawful organization must act.";
        WrongStatus = 8, "WRONG_STATUS",
            "组织当前状态不允许此操作。请先查询其状态。",
            "The organization's present status does not admit this act. Look up its status first.";
        RoleNotGrantable = 9, "ROLE_NOT_GRANTABLE",
            "该角色须由其法定授予机关授予（部分角色仅能由治理表决授予）。",
            "This role is granted by another authority; some roles only by governance vote.";
        RoleHeld = 10, "ROLE_HELD",
            "该组织在此期间已有该角色。",
            "The organization holds this role in that period already.";
        RoleNotHeld = 11, "ROLE_NOT_HELD",
            "该组织现无此角色。",
            "The organization does not hold this role.";
        RoleNotForType = 12, "ROLE_NOT_FOR_TYPE",
            "该类型组织不得担任此角色（如行政事业单位不得为数商或数据买方）。",
            "Organizations of this type cannot hold the role; for instance a public unit cannot be a data merchant.";
        BadPeriod = 13, "BAD_PERIOD",
            "期间无效：起始不得早于本区块，终止须晚于起始。",
            "The period is invalid: it begins before this block or ends before it begins.";
        TooMany = 14, "TOO_MANY",
            "记录数已达上限。",
            "A limit on the number of records is reached.";
        KeyUnusable = 15, "KEY_UNUSABLE",
            "该公钥无法验证任何签名（编码错误、小阶点或算法尚不支持）。请更换。",
            "No signature can verify under this public key: bad encoding, small order, or an unsupported suite. Use another.";
        KeyProofMissing = 16, "KEY_PROOF_MISSING",
            "新签名密钥须以其自身账户共同签署本交易，以证明持有。",
            "The new signing key must sign the same transaction with its own account, to prove that it is at hand.";
        KeyNotFound = 17, "KEY_NOT_FOUND",
            "该账户没有此密钥。",
            "The account has no such key.";
        KeyRevoked = 18, "KEY_REVOKED",
            "该密钥已吊销。",
            "The key is revoked already.";
        LastKey = 19, "LAST_KEY",
            "这是该组织最后一把有效签名密钥。请先添加新密钥，或由监管方吊销。",
            "This is the organization's last valid signing key. Add another first, or let a supervisor revoke it.";
        BadCompromiseTime = 20, "BAD_COMPROMISE_TIME",
            "失密时间不得晚于本区块，且只能提前不能推后。",
            "The time of compromise lies after this block, or later than the time already on record.";
        SuccessorMismatch = 21, "SUCCESSOR_MISMATCH",
            "承继方数量与注销方式不符，或承继方不是正常状态的其他组织。",
            "The number of successors does not fit the kind of closure, or one is not another active organization.";
        SuccessorSignatureMissing = 22, "SUCCESSOR_SIGNATURE_MISSING",
            "每个承继方都须共同签署本交易。",
            "Every successor must sign the transaction too.";
        OfficerSignatureMissing = 23, "OFFICER_SIGNATURE_MISSING",
            "被任命人须以本人账户共同签署本交易。",
            "The officer must sign the transaction too, with an account of their own.";
        OfficerExists = 24, "OFFICER_EXISTS",
            "该账户已在本组织任职。",
            "The account is in office already.";
        OfficerNotFound = 25, "OFFICER_NOT_FOUND",
            "该账户未在本组织任职。",
            "The account is not in office.";
        NameMissing = 26, "NAME_MISSING",
            "名称或职务为空，或含看不见的字符（控制、改变文字方向或零宽）。请删去。",
            "The name or title is empty or holds a character that is not seen: a control, a mark of direction, one without width. Take it out.";
        RoleRepeated = 27, "ROLE_REPEATED",
            "角色列表有重复项。",
            "The list of roles names one twice.";
        MerchantClassMismatch = 28, "MERCHANT_CLASS_MISMATCH",
            "仅数商可填报数商类别。",
            "Only a data merchant has a merchant class.";
        UnderGovernance = 29, "UNDER_GOVERNANCE",
            "该组织担任由治理表决授予的角色（验证者、监管、国库、法院、仲裁），须先以表决终止该角色，监管方方可处分。",
            "The organization holds a role granted by vote. A supervisor may act on it only after a vote has ended that role.";
        CertificateText = 30, "CERTIFICATE_TEXT",
            "证书序列号限 ASCII 字母、数字及 - . : _；颁发机构名称另可用汉字和单个空格；两者均不得为空。",
            "A certificate's serial number is made of ASCII letters, digits and - . : _, its authority of these, Chinese characters and single spaces; neither is empty.";
    }
}
