//! Refusals of the executor itself: module 0.

crate::refusals! {
    /// Why the executor refuses a transaction before or around its calls.
    pub enum CoreRefusal {
        Expired = 1, "EXPIRED",
            "交易已过有效期：区块时间晚于 valid_until_ms。请以新的有效期重新签名提交。",
            "The block's time is past valid_until_ms. Sign again with a later valid_until_ms.";
        LifetimeTooLong = 2, "LIFETIME_TOO_LONG",
            "有效期超过参数 transaction_lifetime_max_ms。请缩短有效期后重新签名。",
            "valid_until_ms lies further ahead than parameter transaction_lifetime_max_ms allows. Sign again with an earlier one.";
        UnknownModule = 3, "UNKNOWN_MODULE",
            "没有此编号的合约模块。请核对模块编号或升级客户端。",
            "No module has this number. Check the number, or whether your client is newer than the chain.";
        MalformedCall = 4, "MALFORMED_CALL",
            "调用内容无法按该模块的格式解码。请用与链同版本的客户端重新编码。",
            "The payload does not decode as a call of this module. Encode it with a client of the chain's version.";
        KeyNotAuthorized = 5, "KEY_NOT_AUTHORIZED",
            "签名密钥未绑定该账户或已绑定其他账户、已吊销、不在有效期内或不是签名用途。请换用有效密钥。",
            "The signing key is not bound to the account or is bound to another, is revoked, is outside its validity, or is not for signing. Use a valid key.";
        AccountSuspended = 6, "ACCOUNT_SUSPENDED",
            "该账户所属组织已被暂停、撤销或注销，不能提交交易。",
            "The organization of this account is suspended, revoked or closed and cannot act.";
        Internal = 7, "INTERNAL",
            "合约内部错误，交易未产生任何效果。请报告交易编号。",
            "A fault inside the contract; nothing took effect. Please report the transaction id.";
        EventsTooLarge = 8, "EVENTS_TOO_LARGE",
            "交易产生的事件超过回执上限。请拆分为多笔交易。",
            "The calls report more events than a receipt may carry. Split the transaction.";
        TooLarge = 9, "TOO_LARGE",
            "交易字节数超过参数 transaction_bytes_max。请拆分。",
            "The transaction is larger than parameter transaction_bytes_max. Split it.";
        TooHeavy = 10, "TOO_HEAVY",
            "交易的执行权重超过参数 transaction_weight_max。请减少调用数（或每次调用的关联数），拆分为多笔交易。",
            "The transaction weighs more than parameter transaction_weight_max. Split it: fewer calls, or fewer relations per call.";
        NotAMember = 11, "NOT_A_MEMBER",
            "本链只接受已登记并准入组织的账户（参数 writers 为 members）；未登记者只能提交组织登记申请（quancheng org register）。请先登记并等待准入。",
            "This chain takes transactions of active organizations only (parameter writers is members); others may only apply as an organization (quancheng org register). Apply and wait to be admitted.";
    }
}
